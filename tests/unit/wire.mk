# SPDX-License-Identifier: Apache-2.0
wire_test_libs = wire/libwire.la base/libbase.la $(CMOCKA_LIBS)

# ---- Codecs ----
unit_programs += \
	tests/unit/wire/test_vectors

tests_unit_wire_test_vectors_SOURCES = tests/unit/wire/test_vectors.c \
	tests/unit/wire/fill.c tests/unit/wire/fill.h
tests_unit_wire_test_vectors_LDADD = wire/liblayout.la $(wire_test_libs)
EXTRA_DIST += tests/vectors/kafka.txt tests/vectors/Vectors.java tests/vectors/make.sh
