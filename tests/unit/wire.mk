# SPDX-License-Identifier: Apache-2.0
wire_test_libs = wire/libwire.la base/libbase.la $(CMOCKA_LIBS)

# ---- Codecs ----
unit_programs += \
	tests/unit/wire/test_frame \
	tests/unit/wire/test_print \
	tests/unit/wire/test_reader \
	tests/unit/wire/test_vectors \
	tests/unit/wire/test_writer

tests_unit_wire_test_frame_LDADD = $(wire_test_libs)
tests_unit_wire_test_print_SOURCES = tests/unit/wire/test_print.c \
	tests/unit/wire/fill.c tests/unit/wire/fill.h \
	tests/unit/wire/json_like.c tests/unit/wire/json_like.h
tests_unit_wire_test_print_LDADD = $(wire_test_libs)
tests_unit_wire_test_reader_LDADD = $(wire_test_libs)
tests_unit_wire_test_writer_LDADD = $(wire_test_libs)
tests_unit_wire_test_vectors_SOURCES = tests/unit/wire/test_vectors.c \
	tests/unit/wire/fill.c tests/unit/wire/fill.h
tests_unit_wire_test_vectors_LDADD = $(wire_test_libs)
system_tests += tests/unit/wire/test_schemac.py
EXTRA_DIST += tests/vectors/kafka.txt tests/vectors/make.sh tests/vectors/Apis.java tests/vectors/Echo.java \
	tests/vectors/Messages.java tests/vectors/Vectors.java

# What we write, for Kafka's classes to read: tests/peers/codecs_test.py.
check_PROGRAMS += tests/vectors/speak
tests_vectors_speak_SOURCES = tests/vectors/speak.c tests/unit/wire/fill.c tests/unit/wire/fill.h
tests_vectors_speak_LDADD = wire/libwire.la base/libbase.la

# ---- Record batches ----
unit_programs += \
	tests/unit/wire/test_batch \
	tests/unit/wire/test_compress \
	tests/unit/wire/test_crc32c \
	tests/unit/wire/test_produce \
	tests/unit/wire/test_record

batch_vectors = tests/unit/wire/batches.c tests/unit/wire/batches.h
tests_unit_wire_test_batch_SOURCES = tests/unit/wire/test_batch.c $(batch_vectors)
tests_unit_wire_test_batch_LDADD = $(wire_test_libs)
tests_unit_wire_test_compress_LDADD = $(wire_test_libs)
tests_unit_wire_test_crc32c_LDADD = $(wire_test_libs)
tests_unit_wire_test_produce_LDADD = $(wire_test_libs)
tests_unit_wire_test_record_SOURCES = tests/unit/wire/test_record.c $(batch_vectors)
tests_unit_wire_test_record_LDADD = $(wire_test_libs)
EXTRA_DIST += tests/vectors/batches.txt tests/vectors/BatchVectors.java
