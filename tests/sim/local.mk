# SPDX-License-Identifier: Apache-2.0
# Clients and a broker in one process, from a seed. tests/sim/sim runs any seed
# by hand.
check_LTLIBRARIES += tests/sim/libsim.la
tests_sim_libsim_la_SOURCES = \
	tests/sim/history.c tests/sim/history.h \
	tests/sim/nemesis.c tests/sim/nemesis.h \
	tests/sim/raw.c tests/sim/raw.h \
	tests/sim/run.c tests/sim/run.h \
	tests/sim/workload_client.c \
	tests/sim/workload_raw.c \
	tests/sim/world.c tests/sim/world.h
sim_libs = tests/sim/libsim.la broker/libbroker.la libclient/libclient.la \
	net/libnetsim.la net/libnet.la wire/libwire.la base/libbase.la

check_PROGRAMS += tests/sim/sim
tests_sim_sim_LDADD = $(sim_libs)

sim_programs += tests/sim/test_sim
tests_sim_test_sim_LDADD = $(sim_libs) $(CMOCKA_LIBS)
