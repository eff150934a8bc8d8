# SPDX-License-Identifier: Apache-2.0
# The parts of `kurier` that need no broker; tests/system/cli_* see the whole.
unit_programs += \
	tests/unit/cli/test_histogram \
	tests/unit/cli/test_iso8601 \
	tests/unit/cli/test_text

tests_unit_cli_test_histogram_SOURCES = tests/unit/cli/test_histogram.c cli/histogram.c
tests_unit_cli_test_histogram_LDADD = base/libbase.la $(CMOCKA_LIBS)
tests_unit_cli_test_iso8601_SOURCES = tests/unit/cli/test_iso8601.c cli/iso8601.c
tests_unit_cli_test_iso8601_LDADD = base/libbase.la $(CMOCKA_LIBS)
tests_unit_cli_test_text_SOURCES = tests/unit/cli/test_text.c cli/js.c cli/out.c cli/pack.c cli/text.c
tests_unit_cli_test_text_LDADD = base/libbase.la $(CMOCKA_LIBS)
