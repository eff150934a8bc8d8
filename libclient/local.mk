# SPDX-License-Identifier: Apache-2.0
# The client library: pure machines (core), the loop that drives them (drive),
# administration over it (admin), the public functions (api). Tests of internals link libclient/libclient.la;
# what is installed exports kurier_* alone.
noinst_LTLIBRARIES += libclient/libclientcore.la libclient/libclient.la
lib_LTLIBRARIES += libkurier.la

libclient_libclientcore_la_SOURCES = \
	libclient/core/backoff.c libclient/core/backoff.h \
	libclient/core/bootstrap.c libclient/core/bootstrap.h \
	libclient/core/metadata.c libclient/core/metadata.h \
	libclient/core/metadata_answer.c libclient/core/metadata_tables.h \
	libclient/core/options.c libclient/core/options.h \
	libclient/core/options_common.def \
	libclient/core/options_consumer.def \
	libclient/core/options_foreign.c libclient/core/options_foreign.h \
	libclient/core/options_foreign.def libclient/core/options_peers.def \
	libclient/core/options_producer.def

libclient_libclient_la_SOURCES = \
	libclient/admin/admin.h \
	libclient/admin/answer.c \
	libclient/admin/brokers.c \
	libclient/admin/chain.c \
	libclient/admin/cluster.c \
	libclient/admin/configs.c \
	libclient/admin/coordinators.c \
	libclient/admin/describe_groups.c \
	libclient/admin/describe_topics.c \
	libclient/admin/group_members.c libclient/admin/group_members.h \
	libclient/admin/group_offsets.c \
	libclient/admin/groups.c \
	libclient/admin/locate.c \
	libclient/admin/records.c \
	libclient/admin/replicas.c \
	libclient/admin/request.c \
	libclient/admin/run.c \
	libclient/admin/table.h \
	libclient/admin/topics.c \
	libclient/admin/txn_hanging.c \
	libclient/admin/txn_markers.c \
	libclient/admin/txns.c \
	libclient/api/admin.c \
	libclient/api/base.c \
	libclient/api/client.c \
	libclient/api/config.c libclient/api/config.h \
	libclient/api/error.h \
	libclient/api/runtime.c \
	libclient/drive/call.c libclient/drive/call.h \
	libclient/drive/client.c libclient/drive/client.h \
	libclient/drive/cluster.c libclient/drive/cluster.h \
	libclient/drive/cluster_links.c \
	libclient/drive/control.c libclient/drive/control.h \
	libclient/drive/debug.c libclient/drive/debug.h \
	libclient/drive/diagnose.c libclient/drive/diagnose.h \
	libclient/drive/event.c libclient/drive/event.h \
	libclient/drive/fork.c libclient/drive/fork.h \
	libclient/drive/link.c libclient/drive/link.h libclient/drive/link_impl.h \
	libclient/drive/link_ask.c \
	libclient/drive/link_features.c \
	libclient/drive/ready.c \
	libclient/drive/runtime.c libclient/drive/runtime.h \
	libclient/drive/trouble.c libclient/drive/trouble.h \
	libclient/drive/wait.c libclient/drive/wait.h
libclient_libclient_la_LIBADD = libclient/libclientcore.la libclient/libproducercore.la

include libclient/producer.mk
include libclient/consumer.mk

# A program links it from the build as from an installed one.
libkurier_la_SOURCES =
libkurier_la_LIBADD = libclient/libclient.la net/libnet.la wire/libwire.la base/libbase.la
libkurier_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/libclient/kurier.map
libkurier_la_DEPENDENCIES = $(libkurier_la_LIBADD) $(top_srcdir)/libclient/kurier.map
EXTRA_DIST += libclient/kurier.map

pkgconfig_DATA = libclient/kurier.pc

pkginclude_HEADERS = \
	include/kurier/admin.h \
	include/kurier/base.h \
	include/kurier/client.h \
	include/kurier/consumer.h \
	include/kurier/groups.h \
	include/kurier/kurier.h \
	include/kurier/producer.h \
	include/kurier/transactions.h \
	include/kurier/txn_admin.h

# ---- The page of its options ----
noinst_PROGRAMS += libclient/config-page
libclient_config_page_SOURCES = libclient/config_page.c
libclient_config_page_LDADD = libclient/libclientcore.la wire/libwire.la base/libbase.la

doc-pages: libclient/config-page
	libclient/config-page > $(top_srcdir)/doc/client-configuration.md
.PHONY: doc-pages
