# SPDX-License-Identifier: Apache-2.0
# Programs against a real kurierd, over real sockets: what a user would do.
check_PROGRAMS += tests/system/admin_many_test tests/system/admin_test tests/system/api_test \
	tests/system/attach_test \
	tests/system/consumer_test tests/system/group_admin_test tests/system/group_commit_test \
	tests/system/group_members_test tests/system/group_memory_test \
	tests/system/group_protocols_test tests/system/group_rebalance_test tests/system/kill_test \
	tests/system/producer_test tests/system/transactions_test tests/system/txn_admin_test
tests_system_admin_many_test_SOURCES = tests/system/admin_many_test.c $(kit_server)
tests_system_admin_many_test_LDADD = libkurier.la
tests_system_admin_test_SOURCES = tests/system/admin_test.c $(kit_server)
tests_system_admin_test_LDADD = libkurier.la
tests_system_api_test_SOURCES = tests/system/api_test.c $(kit_server)
tests_system_api_test_LDADD = libkurier.la
tests_system_attach_test_SOURCES = tests/system/attach_test.c \
	tests/system/group_kit.h $(kit_server)
tests_system_attach_test_LDADD = libkurier.la
tests_system_kill_test_SOURCES = tests/system/kill_test.c $(kit_server)
tests_system_kill_test_LDADD = libkurier.la
tests_system_consumer_test_SOURCES = tests/system/consumer_test.c $(kit_server)
tests_system_consumer_test_LDADD = libkurier.la
tests_system_group_admin_test_SOURCES = tests/system/group_admin_test.c \
	tests/system/group_kit.h $(kit_server)
tests_system_group_admin_test_LDADD = libkurier.la
tests_system_group_commit_test_SOURCES = tests/system/group_commit_test.c \
	tests/system/group_kit.h $(kit_server)
tests_system_group_commit_test_LDADD = libkurier.la
tests_system_group_members_test_SOURCES = tests/system/group_members_test.c $(kit_server)
tests_system_group_members_test_LDADD = libkurier.la
tests_system_group_protocols_test_SOURCES = tests/system/group_protocols_test.c \
	tests/system/group_kit.h $(kit_server)
tests_system_group_protocols_test_LDADD = libkurier.la
tests_system_group_memory_test_SOURCES = tests/system/group_memory_test.c \
	tests/system/group_kit.h $(kit_server)
tests_system_group_memory_test_LDADD = libkurier.la
tests_system_group_rebalance_test_SOURCES = tests/system/group_rebalance_test.c \
	tests/system/group_kit.h $(kit_server)
tests_system_group_rebalance_test_LDADD = libkurier.la
tests_system_producer_test_SOURCES = tests/system/producer_test.c tests/system/case_kit.h $(kit_server)
tests_system_producer_test_LDADD = libkurier.la
tests_system_transactions_test_SOURCES = tests/system/transactions_test.c tests/system/case_kit.h $(kit_server)
tests_system_transactions_test_LDADD = libkurier.la
tests_system_txn_admin_test_SOURCES = tests/system/txn_admin_test.c $(kit_server)
tests_system_txn_admin_test_LDADD = libkurier.la
TESTS += tests/system/admin_many_test tests/system/admin_test tests/system/api_test \
	tests/system/attach_test \
	tests/system/consumer_test tests/system/group_admin_test tests/system/group_commit_test \
	tests/system/group_members_test tests/system/group_memory_test \
	tests/system/group_protocols_test tests/system/group_rebalance_test tests/system/kill_test \
	tests/system/producer_test tests/system/transactions_test tests/system/txn_admin_test

system_tests += \
	tests/system/cli_admin_test.py \
	tests/system/cli_group_test.py \
	tests/system/cli_kcat_test.py \
	tests/system/cli_log_test.py \
	tests/system/cli_records_test.py \
	tests/system/cli_test.py \
	tests/system/config_test.py \
	tests/system/demo_test.py \
	tests/system/examples_test.py \
	tests/system/group_kill_test.py \
	tests/system/kurierd_test.py \
	tests/system/network_test.py

# The demo stands beside the programs: ./dev demo runs it.
noinst_PROGRAMS += bin/kurier-demo
bin_kurier_demo_SOURCES = tests/demo/demo.c tests/demo/corpus.c tests/demo/corpus.h $(kit_server)
bin_kurier_demo_LDADD = libkurier.la

kit_server = tests/kit/server.c tests/kit/server.h
EXTRA_DIST += tests/kit/tap.py tests/kit/broker.py tests/kit/jvm.py tests/kit/kafka.py tests/kit/peers.py \
	tests/system/cli_kit.py tests/kit/vectors.py
