# SPDX-License-Identifier: Apache-2.0
# The pattern for a floor: add each program to the list, and link it with that
# floor and those below it, nothing else. The source is PROGRAM.c.
base_test_libs = base/libbase.la $(CMOCKA_LIBS)

unit_programs += \
	tests/unit/base/test_arena \
	tests/unit/base/test_buf \
	tests/unit/base/test_containers \
	tests/unit/base/test_error \
	tests/unit/base/test_fs \
	tests/unit/base/test_fs_mem \
	tests/unit/base/test_options \
	tests/unit/base/test_properties \
	tests/unit/base/test_regex \
	tests/unit/base/test_siphash \
	tests/unit/base/test_values

tests_unit_base_test_arena_LDADD = $(base_test_libs)
tests_unit_base_test_buf_LDADD = $(base_test_libs)
tests_unit_base_test_containers_LDADD = $(base_test_libs)
tests_unit_base_test_error_LDADD = $(base_test_libs)
tests_unit_base_test_fs_LDADD = $(base_test_libs)
tests_unit_base_test_fs_mem_LDADD = $(base_test_libs)
tests_unit_base_test_options_LDADD = $(base_test_libs)
tests_unit_base_test_properties_LDADD = $(base_test_libs)
tests_unit_base_test_regex_LDADD = $(base_test_libs)
tests_unit_base_test_siphash_LDADD = $(base_test_libs)
tests_unit_base_test_values_LDADD = $(base_test_libs)
