# SPDX-License-Identifier: Apache-2.0
# What loops and connections promise, most of it over the kernel's sockets and
# over the simulated network alike.
net_test_libs = tests/unit/net/libworld.la net/libnetsim.la net/libnet.la \
	wire/libwire.la base/libbase.la $(CMOCKA_LIBS)

check_LTLIBRARIES += tests/unit/net/libworld.la
tests_unit_net_libworld_la_SOURCES = \
	tests/unit/net/fragment.c tests/unit/net/fragment.h \
	tests/unit/net/pair.c tests/unit/net/pair.h \
	tests/unit/net/world.c tests/unit/net/world.h

unit_programs += \
	tests/unit/net/test_conn \
	tests/unit/net/test_connect \
	tests/unit/net/test_exec \
	tests/unit/net/test_loop \
	tests/unit/net/test_rpc \
	tests/unit/net/test_send \
	tests/unit/net/test_sim

tests_unit_net_test_conn_LDADD = $(net_test_libs)
tests_unit_net_test_connect_LDADD = $(net_test_libs)
tests_unit_net_test_exec_LDADD = $(net_test_libs)
tests_unit_net_test_loop_LDADD = $(net_test_libs)
tests_unit_net_test_rpc_LDADD = $(net_test_libs)
tests_unit_net_test_send_LDADD = $(net_test_libs)
tests_unit_net_test_sim_LDADD = $(net_test_libs)
