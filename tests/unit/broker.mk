# SPDX-License-Identifier: Apache-2.0
# The broker: its pure machines, its metadata store on a simulated disk, and
# whole brokers.
brokercore_test_libs = broker/libbrokercore.la wire/libwire.la base/libbase.la $(CMOCKA_LIBS)
meta_test_libs = broker/libbrokermeta.la net/libnetsim.la net/libnet.la $(brokercore_test_libs)
broker_test_libs = broker/libbroker.la net/libnetsim.la $(CMOCKA_LIBS)
broker_driver_libs = broker/libbroker.la net/libnetsim.la net/libnet.la $(CMOCKA_LIBS)
broker_rig = tests/unit/broker/rig.c tests/unit/broker/rig.h
group_rig = tests/unit/broker/group_rig.c tests/unit/broker/group_rig.h
consumer_rig = tests/unit/broker/consumer_rig.c tests/unit/broker/consumer_rig.h $(group_rig)
broker_ask = tests/unit/broker/ask.c tests/unit/broker/ask.h $(broker_rig)

unit_programs += \
	tests/unit/broker/test_assignors \
	tests/unit/broker/test_broker \
	tests/unit/broker/test_config \
	tests/unit/broker/test_configs \
	tests/unit/broker/test_consumer_groups \
	tests/unit/broker/test_group_migration \
	tests/unit/broker/test_group_requests \
	tests/unit/broker/test_group_txns \
	tests/unit/broker/test_groups \
	tests/unit/broker/test_journal \
	tests/unit/broker/test_leading \
	tests/unit/broker/test_listeners \
	tests/unit/broker/test_meta \
	tests/unit/broker/test_produce_order \
	tests/unit/broker/test_request_log \
	tests/unit/broker/test_records \
	tests/unit/broker/test_requests \
	tests/unit/broker/test_sessions \
	tests/unit/broker/test_topics \
	tests/unit/broker/test_tree \
	tests/unit/broker/test_turns \
	tests/unit/broker/test_txn_driver \
	tests/unit/broker/test_txns \
	tests/unit/broker/test_verify

tests_unit_broker_test_assignors_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_broker_SOURCES = tests/unit/broker/test_broker.c $(broker_rig)
tests_unit_broker_test_broker_LDADD = $(broker_test_libs)
tests_unit_broker_test_config_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_configs_SOURCES = tests/unit/broker/test_configs.c $(broker_ask)
tests_unit_broker_test_configs_LDADD = $(broker_test_libs)
tests_unit_broker_test_group_migration_SOURCES = tests/unit/broker/test_group_migration.c $(consumer_rig)
tests_unit_broker_test_group_migration_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_group_requests_SOURCES = tests/unit/broker/test_group_requests.c $(broker_ask)
tests_unit_broker_test_group_requests_LDADD = $(broker_test_libs)
tests_unit_broker_test_consumer_groups_SOURCES = tests/unit/broker/test_consumer_groups.c $(consumer_rig)
tests_unit_broker_test_consumer_groups_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_group_txns_SOURCES = tests/unit/broker/test_group_txns.c $(consumer_rig)
tests_unit_broker_test_group_txns_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_groups_SOURCES = tests/unit/broker/test_groups.c $(group_rig)
tests_unit_broker_test_groups_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_journal_LDADD = $(meta_test_libs)
tests_unit_broker_test_leading_SOURCES = tests/unit/broker/test_leading.c \
	tests/unit/store/rig.c tests/unit/store/rig.h
tests_unit_broker_test_leading_LDADD = $(broker_driver_libs)
tests_unit_broker_test_listeners_LDADD = $(broker_test_libs)
tests_unit_broker_test_meta_LDADD = $(meta_test_libs)
tests_unit_broker_test_produce_order_SOURCES = tests/unit/broker/test_produce_order.c $(broker_rig)
tests_unit_broker_test_produce_order_LDADD = $(broker_test_libs)
tests_unit_broker_test_request_log_SOURCES = tests/unit/broker/test_request_log.c $(broker_rig)
tests_unit_broker_test_request_log_LDADD = $(broker_test_libs)
tests_unit_broker_test_records_SOURCES = tests/unit/broker/test_records.c $(broker_ask)
tests_unit_broker_test_records_LDADD = $(broker_test_libs)
tests_unit_broker_test_requests_SOURCES = tests/unit/broker/test_requests.c $(broker_ask)
tests_unit_broker_test_requests_LDADD = $(broker_test_libs)
tests_unit_broker_test_sessions_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_txn_driver_LDADD = $(broker_driver_libs)
tests_unit_broker_test_txns_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_verify_LDADD = $(broker_test_libs)
tests_unit_broker_test_topics_LDADD = $(brokercore_test_libs)
tests_unit_broker_test_tree_LDADD = $(meta_test_libs)
tests_unit_broker_test_turns_LDADD = $(brokercore_test_libs)
