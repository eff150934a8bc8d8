# SPDX-License-Identifier: Apache-2.0
core_test_libs = broker/libbrokercore.la wire/libwire.la base/libbase.la $(CMOCKA_LIBS)
drive_test_libs = broker/libdrive.la broker/libstore.la net/libnetsim.la net/libnet.la $(core_test_libs)
store_rig = tests/unit/store/rig.c tests/unit/store/rig.h
keyed_rig = $(store_rig) tests/unit/store/keyed.c tests/unit/store/keyed.h

# ---- A log's pure state ----
unit_programs += \
	tests/unit/store/test_partition \
	tests/unit/store/test_producer_state \
	tests/unit/store/test_retention

tests_unit_store_test_partition_LDADD = $(core_test_libs)
tests_unit_store_test_producer_state_LDADD = $(core_test_libs)
tests_unit_store_test_retention_LDADD = $(core_test_libs)

# ---- The store, and the drive over it, in a simulated world ----
unit_programs += \
	tests/unit/store/test_aborted \
	tests/unit/store/test_clean \
	tests/unit/store/test_cleanup \
	tests/unit/store/test_compact \
	tests/unit/store/test_damage \
	tests/unit/store/test_drive \
	tests/unit/store/test_ops \
	tests/unit/store/test_source \
	tests/unit/store/test_threads \
	tests/unit/store/test_transactions

tests_unit_store_test_aborted_SOURCES = tests/unit/store/test_aborted.c $(keyed_rig)
tests_unit_store_test_aborted_LDADD = $(drive_test_libs)
tests_unit_store_test_clean_SOURCES = tests/unit/store/test_clean.c $(keyed_rig)
tests_unit_store_test_clean_LDADD = $(drive_test_libs)
tests_unit_store_test_compact_SOURCES = tests/unit/store/test_compact.c $(keyed_rig)
tests_unit_store_test_compact_LDADD = $(drive_test_libs)
tests_unit_store_test_cleanup_SOURCES = tests/unit/store/test_cleanup.c $(store_rig)
tests_unit_store_test_cleanup_LDADD = $(drive_test_libs)
tests_unit_store_test_damage_SOURCES = tests/unit/store/test_damage.c $(store_rig)
tests_unit_store_test_damage_LDADD = $(drive_test_libs)
tests_unit_store_test_drive_SOURCES = tests/unit/store/test_drive.c $(store_rig)
tests_unit_store_test_drive_LDADD = $(drive_test_libs)
tests_unit_store_test_ops_SOURCES = tests/unit/store/test_ops.c $(store_rig)
tests_unit_store_test_ops_LDADD = $(drive_test_libs)
tests_unit_store_test_source_SOURCES = tests/unit/store/test_source.c $(store_rig)
tests_unit_store_test_source_LDADD = $(drive_test_libs)
tests_unit_store_test_threads_SOURCES = tests/unit/store/test_threads.c $(store_rig)
tests_unit_store_test_threads_LDADD = $(drive_test_libs)
tests_unit_store_test_transactions_SOURCES = tests/unit/store/test_transactions.c $(store_rig)
tests_unit_store_test_transactions_LDADD = $(drive_test_libs)
