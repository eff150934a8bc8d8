# SPDX-License-Identifier: Apache-2.0
# Performance is measured here, never by a test. `make bench` prints the table
# of README.md.
noinst_PROGRAMS += bench/null_broker
bench_null_broker_SOURCES = bench/null_broker.c

bench_programs = bench/group_members bench/load_kurier bench/load_rdkafka bench/state_loop
EXTRA_PROGRAMS += $(bench_programs)
bench_group_members_SOURCES = bench/group_members.c
bench_group_members_LDADD = libkurier.la
bench_load_kurier_SOURCES = bench/load_kurier.c bench/load.h
bench_load_kurier_LDADD = libkurier.la
bench_load_rdkafka_SOURCES = bench/load_rdkafka.c bench/load.h
bench_load_rdkafka_LDADD = -lrdkafka
bench_state_loop_SOURCES = bench/state_loop.c
bench_state_loop_LDADD = libkurier.la
EXTRA_PROGRAMS += bench/loops
bench_loops_SOURCES = bench/loops.c
bench_loops_LDADD = net/libnet.la wire/libwire.la base/libbase.la
EXTRA_DIST += bench/compare.py bench/groups.py bench/groups_restored.py bench/startup.py \
	bench/transactions.py

bench: all $(bench_programs)
	$(PYTHON) $(srcdir)/bench/compare.py $(BENCH_ROUNDS)
	$(PYTHON) $(srcdir)/bench/startup.py
	$(PYTHON) $(srcdir)/bench/groups.py
	$(PYTHON) $(srcdir)/bench/groups_restored.py
	$(PYTHON) $(srcdir)/bench/transactions.py
.PHONY: bench
