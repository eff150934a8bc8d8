# SPDX-License-Identifier: Apache-2.0
# Fuzz targets, see fuzz.h. To hunt with libFuzzer: ./dev fuzz TARGET --time SECONDS
fuzz_programs = tests/fuzz/fuzz_batch tests/fuzz/fuzz_bodies \
	tests/fuzz/fuzz_compact tests/fuzz/fuzz_decompress tests/fuzz/fuzz_files tests/fuzz/fuzz_frame \
	tests/fuzz/fuzz_groups tests/fuzz/fuzz_log tests/fuzz/fuzz_meta \
	tests/fuzz/fuzz_print tests/fuzz/fuzz_properties
if FUZZING
fuzz_main =
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_PROGRAMS += $(fuzz_programs)
else
fuzz_main = tests/fuzz/replay.c
fuzz_ldflags = $(AM_LDFLAGS)
unit_programs += $(fuzz_programs)
endif
fuzz-targets: $(BUILT_SOURCES)
	$(MAKE) $(fuzz_programs)
.PHONY: fuzz-targets

fuzz_message_sources = tests/fuzz/message.c tests/fuzz/message.h \
	tests/unit/wire/fill.c tests/unit/wire/fill.h
fuzz_libs = wire/libwire.la base/libbase.la

tests_fuzz_fuzz_batch_SOURCES = tests/fuzz/fuzz_batch.c $(fuzz_main)
tests_fuzz_fuzz_batch_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_batch_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_decompress_SOURCES = tests/fuzz/fuzz_decompress.c $(fuzz_main)
tests_fuzz_fuzz_decompress_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_decompress_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_bodies_SOURCES = tests/fuzz/fuzz_bodies.c $(fuzz_message_sources) $(fuzz_main)
tests_fuzz_fuzz_bodies_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_bodies_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c $(fuzz_message_sources) $(fuzz_main)
tests_fuzz_fuzz_frame_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_frame_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_print_SOURCES = tests/fuzz/fuzz_print.c tests/unit/wire/json_like.c \
	tests/unit/wire/json_like.h $(fuzz_main)
tests_fuzz_fuzz_print_LDADD = $(fuzz_libs)
tests_fuzz_fuzz_print_LDFLAGS = $(fuzz_ldflags)

# ---- What a broker finds when it starts ----
fuzz_core_libs = broker/libbrokercore.la $(fuzz_libs)
fuzz_disk_sources = tests/fuzz/disk.c tests/fuzz/disk.h tests/fuzz/parts.h
fuzz_same_sources = tests/fuzz/same.c tests/fuzz/same.h

tests_fuzz_fuzz_files_SOURCES = tests/fuzz/fuzz_files.c $(fuzz_disk_sources) \
	$(fuzz_same_sources) $(fuzz_main)
tests_fuzz_fuzz_files_LDADD = broker/libstore.la $(fuzz_core_libs)
tests_fuzz_fuzz_files_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_compact_SOURCES = tests/fuzz/fuzz_compact.c tests/fuzz/parts.h $(fuzz_main)
tests_fuzz_fuzz_compact_LDADD = $(fuzz_core_libs)
tests_fuzz_fuzz_compact_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_groups_SOURCES = tests/fuzz/fuzz_groups.c tests/fuzz/parts.h $(fuzz_main)
tests_fuzz_fuzz_groups_LDADD = $(fuzz_core_libs)
tests_fuzz_fuzz_groups_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_log_SOURCES = tests/fuzz/fuzz_log.c $(fuzz_disk_sources) \
	$(fuzz_same_sources) $(fuzz_main)
tests_fuzz_fuzz_log_LDADD = broker/libstore.la $(fuzz_core_libs)
tests_fuzz_fuzz_log_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_meta_SOURCES = tests/fuzz/fuzz_meta.c $(fuzz_disk_sources) $(fuzz_main)
tests_fuzz_fuzz_meta_LDADD = broker/libbrokermeta.la net/libnet.la $(fuzz_core_libs)
tests_fuzz_fuzz_meta_LDFLAGS = $(fuzz_ldflags)

tests_fuzz_fuzz_properties_SOURCES = tests/fuzz/fuzz_properties.c $(fuzz_main)
tests_fuzz_fuzz_properties_LDADD = $(fuzz_core_libs)
tests_fuzz_fuzz_properties_LDFLAGS = $(fuzz_ldflags)

EXTRA_DIST += tests/fuzz/fuzz.h tests/fuzz/replay.c tests/fuzz/seeds.py tests/fuzz/corpus
