# SPDX-License-Identifier: Apache-2.0
# Clients and a broker in one process, from a seed. tests/sim/sim runs any seed
# by hand.
check_LTLIBRARIES += tests/sim/libsim.la
tests_sim_libsim_la_SOURCES = \
	tests/sim/auditor.c tests/sim/auditor.h \
	tests/sim/census.c tests/sim/census.h \
	tests/sim/check_groups.c \
	tests/sim/check_memory.c \
	tests/sim/check_reads.c \
	tests/sim/check_records.c \
	tests/sim/check_deeds.c \
	tests/sim/checker.c tests/sim/checker.h \
	tests/sim/client.c tests/sim/client.h \
	tests/sim/copier.c tests/sim/copier.h \
	tests/sim/copies.c tests/sim/copies.h \
	tests/sim/crowd.c tests/sim/crowd.h \
	tests/sim/deeds.c tests/sim/deeds.h \
	tests/sim/farm.c tests/sim/farm.h \
	tests/sim/history.c tests/sim/history.h \
	tests/sim/keeper.c tests/sim/keeper.h \
	tests/sim/ledger.c tests/sim/ledger.h \
	tests/sim/member.c tests/sim/member.h \
	tests/sim/nemesis.c tests/sim/nemesis.h \
	tests/sim/parrot.c tests/sim/parrot.h \
	tests/sim/process.c tests/sim/process.h \
	tests/sim/producer.c tests/sim/producer.h \
	tests/sim/raw.c tests/sim/raw.h \
	tests/sim/raw_assign.c tests/sim/raw_assign.h \
	tests/sim/raw_echo.c tests/sim/raw_echo.h \
	tests/sim/raw_member.c tests/sim/raw_member.h \
	tests/sim/raw_reader.c tests/sim/raw_reader.h \
	tests/sim/raw_writer.c tests/sim/raw_writer.h \
	tests/sim/reader.c tests/sim/reader.h \
	tests/sim/run.c tests/sim/run.h \
	tests/sim/tally.c \
	tests/sim/witnesses.c tests/sim/witnesses.h \
	tests/sim/workload.c tests/sim/workload.h \
	tests/sim/workload_client.c \
	tests/sim/workload_compact.c \
	tests/sim/workload_clock.c \
	tests/sim/workload_copy.c \
	tests/sim/workload_group.c \
	tests/sim/workload_idempotent.c \
	tests/sim/workload_memory.c \
	tests/sim/workload_plain.c \
	tests/sim/workload_raw.c \
	tests/sim/workload_rawgroup.c \
	tests/sim/workload_retention.c \
	tests/sim/workload_topics.c \
	tests/sim/workload_txn.c \
	tests/sim/world.c tests/sim/world.h
sim_libs = tests/sim/libsim.la broker/libbroker.la libclient/libclient.la \
	net/libnetsim.la net/libnet.la wire/libwire.la base/libbase.la

check_PROGRAMS += tests/sim/sim
tests_sim_sim_LDADD = $(sim_libs)

sim_programs += tests/sim/test_sim
tests_sim_test_sim_LDADD = $(sim_libs) $(CMOCKA_LIBS)
sim_programs += tests/sim/test_deeds
tests_sim_test_deeds_LDADD = $(sim_libs) $(CMOCKA_LIBS)
sim_programs += tests/sim/test_copies
tests_sim_test_copies_LDADD = $(sim_libs) $(CMOCKA_LIBS)
sim_programs += tests/sim/test_ledger
tests_sim_test_ledger_LDADD = $(sim_libs) $(CMOCKA_LIBS)
EXTRA_DIST += tests/sim/seeds.txt

# What may be a mutant is compiled once more, and comes before the libraries.
mutant_sources = \
	broker/core/compact.c \
	broker/core/group/offsets.c \
	broker/core/partition.c \
	broker/core/producer_state.c \
	broker/core/txn/end.c \
	broker/core/txn/txns.c \
	broker/drive/round.c \
	broker/server/txn/send.c \
	broker/store/recover.c \
	libclient/core/sender_request.c \
	libclient/drive/attachment.c \
	libclient/drive/feed.c \
	libclient/drive/share.c
sim_programs += tests/sim/test_mutants
tests_sim_test_mutants_SOURCES = tests/sim/test_mutants.c $(mutant_sources)
tests_sim_test_mutants_CPPFLAGS = $(AM_CPPFLAGS) -DKB_MUTANTS
tests_sim_test_mutants_LDADD = $(sim_libs) $(CMOCKA_LIBS)
