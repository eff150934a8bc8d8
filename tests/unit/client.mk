# SPDX-License-Identifier: Apache-2.0
# Pure machines see core, wire and base; the rest the whole library, over the
# simulated network or the real one.
client_core_libs = libclient/libclientcore.la wire/libwire.la base/libbase.la $(CMOCKA_LIBS)
client_libs = libclient/libclient.la net/libnetsim.la net/libnet.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
client_fake = tests/unit/client/fake.c tests/unit/client/fake.h

unit_programs += \
	tests/unit/client/test_admin \
	tests/unit/client/test_admin_groups \
	tests/unit/client/test_admin_kinds \
	tests/unit/client/test_admin_txns \
	tests/unit/client/test_client \
	tests/unit/client/test_config \
	tests/unit/client/test_diagnose \
	tests/unit/client/test_metadata \
	tests/unit/client/test_runtime

tests_unit_client_test_admin_SOURCES = tests/unit/client/test_admin.c $(client_fake)
tests_unit_client_test_admin_LDADD = $(client_libs)
tests_unit_client_test_admin_groups_SOURCES = tests/unit/client/test_admin_groups.c $(client_fake)
tests_unit_client_test_admin_groups_LDADD = $(client_libs)
tests_unit_client_test_admin_kinds_SOURCES = tests/unit/client/test_admin_kinds.c $(client_fake)
tests_unit_client_test_admin_kinds_LDADD = $(client_libs)
tests_unit_client_test_admin_txns_SOURCES = tests/unit/client/test_admin_txns.c $(client_fake)
tests_unit_client_test_admin_txns_LDADD = $(client_libs)
tests_unit_client_test_client_SOURCES = tests/unit/client/test_client.c $(client_fake)
tests_unit_client_test_client_LDADD = $(client_libs)
tests_unit_client_test_config_LDADD = $(client_core_libs)
tests_unit_client_test_diagnose_SOURCES = tests/unit/client/test_diagnose.c $(client_fake)
tests_unit_client_test_diagnose_LDADD = $(client_libs)
tests_unit_client_test_metadata_LDADD = $(client_core_libs)
tests_unit_client_test_runtime_LDADD = $(client_libs)
