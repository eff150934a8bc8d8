# SPDX-License-Identifier: Apache-2.0
# Foreign clients and tools, both ways; exchange.py tells how.
peers_corpus = tests/peers/corpus.c tests/peers/corpus.h
check_PROGRAMS += tests/peers/exchange
tests_peers_exchange_SOURCES = tests/peers/exchange.c $(peers_corpus)
tests_peers_exchange_LDADD = libkurier.la
EXTRA_PROGRAMS += tests/peers/rdkafka
tests_peers_rdkafka_SOURCES = tests/peers/rdkafka.c tests/peers/rdkafka.h tests/peers/rdkafka_admin.c $(peers_corpus)
tests_peers_rdkafka_LDADD = -lrdkafka
check_PROGRAMS += tests/peers/kurier_member
tests_peers_kurier_member_SOURCES = tests/peers/members/kurier_member.c
tests_peers_kurier_member_LDADD = libkurier.la
check_PROGRAMS += tests/peers/kurier_txn tests/peers/kurier_copier
tests_peers_kurier_txn_SOURCES = tests/peers/txn/kurier_txn.c
tests_peers_kurier_txn_LDADD = libkurier.la
tests_peers_kurier_copier_SOURCES = tests/peers/txn/kurier_copier.c
tests_peers_kurier_copier_LDADD = libkurier.la
EXTRA_PROGRAMS += tests/peers/rdkafka_member
tests_peers_rdkafka_member_SOURCES = tests/peers/members/rdkafka_member.c
tests_peers_rdkafka_member_LDADD = -lrdkafka
EXTRA_PROGRAMS += tests/peers/rdkafka_txn
tests_peers_rdkafka_txn_SOURCES = tests/peers/txn/rdkafka_txn.c
tests_peers_rdkafka_txn_LDADD = -lrdkafka
if HAVE_RDKAFKA
check_PROGRAMS += tests/peers/rdkafka tests/peers/rdkafka_member tests/peers/rdkafka_txn
endif

system_tests += \
	tests/peers/aiokafka_test.py \
	tests/peers/codecs_test.py \
	tests/peers/confluent_test.py \
	tests/peers/franz_test.py \
	tests/peers/group_test.py \
	tests/peers/kafkago_test.py \
	tests/peers/kafkajs_test.py \
	tests/peers/kafkapython_test.py \
	tests/peers/kcat_test.py \
	tests/peers/options_test.py \
	tests/peers/rdkafka_test.py \
	tests/peers/restarts_test.py \
	tests/peers/sarama_test.py \
	tests/peers/txn_test.py
EXTRA_DIST += tests/peers/aiokafka_peer.py tests/peers/clients.py tests/peers/committed.py tests/peers/confluent.py \
	tests/peers/corpus.js tests/peers/corpus.py tests/peers/exchange.py tests/peers/go tests/peers/kafkajs.js \
	tests/peers/kafkapython.py tests/peers/members tests/peers/members.py tests/peers/stories.py \
	tests/peers/streams.py tests/peers/streams_test.py tests/peers/transactors.py tests/peers/txn

# Kafka's own.
system_tests += \
	tests/peers/apache_group_test.py \
	tests/peers/apache_test.py \
	tests/peers/apache_txn_test.py \
	tests/peers/committed_test.py \
	tests/peers/compacted_test.py \
	tests/peers/copiers_test.py \
	tests/peers/connect_test.py \
	tests/peers/copy_test.py \
	tests/peers/dump_test.py \
	tests/peers/files_test.py \
	tests/peers/java_test.py \
	tests/peers/rsyslog_test.py \
	tests/peers/tools_test.py \
	tests/peers/txn_files_test.py \
	tests/peers/txn_late_test.py \
	tests/peers/txn_tools_test.py
EXTRA_DIST += tests/peers/java
