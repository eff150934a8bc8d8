# SPDX-License-Identifier: Apache-2.0
noinst_PROGRAMS += bench/null_broker
bench_null_broker_SOURCES = bench/null_broker.c
