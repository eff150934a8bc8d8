# SPDX-License-Identifier: Apache-2.0
# Loops, connections, and the client's side of the protocol's framing.
noinst_LTLIBRARIES += net/libnet.la
net_libnet_la_CPPFLAGS = $(AM_CPPFLAGS) $(CARES_CFLAGS)
net_libnet_la_LIBADD = $(CARES_LIBS)
net_libnet_la_SOURCES = \
	net/addr.c \
	net/conn.c net/conn.h net/conn_impl.h \
	net/conn_read.c \
	net/conn_write.c \
	net/dial.c net/dial.h \
	net/env.h \
	net/env_real.c net/real.h \
	net/exec.c net/exec.h \
	net/exec_threads.c net/exec_threads.h \
	net/listener.c net/listener.h \
	net/loop.c net/loop.h \
	net/poller_epoll.c net/poller.h \
	net/resolver.c \
	net/rpc.c net/rpc.h net/rpc_impl.h \
	net/rpc_calls.c \
	net/rpc_negotiate.c \
	net/sendq.c net/sendq.h \
	net/sock_posix.c \
	net/stranger.c net/stranger.h \
	net/timers.c net/timers.h \
	net/transport_plain.c net/transport.h

# The simulated world, for tests alone.
check_LTLIBRARIES += net/libnetsim.la
net_libnetsim_la_SOURCES = \
	net/sim.c net/sim.h net/sim_impl.h \
	net/sim_env.c \
	net/sim_exec.c \
	net/sim_sock.c \
	net/sim_wire.c
