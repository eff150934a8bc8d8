# SPDX-License-Identifier: Apache-2.0
consumer_test_libs = libclient/libclient.la net/libnet.la wire/libwire.la base/libbase.la \
	$(CMOCKA_LIBS)

unit_programs += \
	tests/unit/consumer/test_aborted \
	tests/unit/consumer/test_assignors \
	tests/unit/consumer/test_classic_group \
	tests/unit/consumer/test_cutter \
	tests/unit/consumer/test_fetcher \
	tests/unit/consumer/test_finder \
	tests/unit/consumer/test_member \
	tests/unit/consumer/test_membership \
	tests/unit/consumer/test_partitions \
	tests/unit/consumer/test_finished \
	tests/unit/consumer/test_group \
	tests/unit/consumer/test_modern \
	tests/unit/consumer/test_modern_group \
	tests/unit/consumer/test_own_assignor \
	tests/unit/consumer/test_pattern

tests_unit_consumer_test_aborted_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_assignors_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_cutter_LDADD = $(consumer_test_libs)
tests_unit_consumer_test_fetcher_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_finished_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_modern_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_modern_group_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_classic_group_SOURCES = tests/unit/consumer/test_classic_group.c \
	tests/unit/consumer/member_rig.c tests/unit/consumer/member_rig.h
tests_unit_consumer_test_classic_group_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_finder_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_member_SOURCES = tests/unit/consumer/test_member.c \
	tests/unit/consumer/member_rig.c tests/unit/consumer/member_rig.h
tests_unit_consumer_test_member_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_membership_SOURCES = tests/unit/consumer/test_membership.c $(client_fake)
tests_unit_consumer_test_membership_LDADD = $(client_libs)
tests_unit_consumer_test_partitions_LDADD = libclient/libclientcore.la wire/libwire.la \
	base/libbase.la $(CMOCKA_LIBS)
tests_unit_consumer_test_pattern_SOURCES = tests/unit/consumer/test_pattern.c $(client_fake)
tests_unit_consumer_test_pattern_LDADD = $(client_libs)
tests_unit_consumer_test_own_assignor_SOURCES = tests/unit/consumer/test_own_assignor.c \
	tests/unit/consumer/member_rig.c tests/unit/consumer/member_rig.h
tests_unit_consumer_test_own_assignor_LDADD = $(consumer_test_libs)
tests_unit_consumer_test_group_LDADD = $(consumer_test_libs)
