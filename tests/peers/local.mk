# SPDX-License-Identifier: Apache-2.0
# Foreign clients and tools, both ways.
check_PROGRAMS += tests/peers/exchange
tests_peers_exchange_SOURCES = tests/peers/exchange.c
tests_peers_exchange_LDADD = libkurier.la

system_tests += \
	tests/peers/dump_test.py \
	tests/peers/exchange_test.py \
	tests/peers/kcat_test.py
EXTRA_DIST += tests/peers/confluent.py tests/peers/exchange.py
