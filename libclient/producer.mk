# SPDX-License-Identifier: Apache-2.0
# The producer: its pure machines.
noinst_LTLIBRARIES += libclient/libproducercore.la
libclient_libproducercore_la_SOURCES = \
	libclient/core/bell.c libclient/core/bell.h \
	libclient/core/send_batch.c libclient/core/send_batch.h \
	libclient/core/slot.c libclient/core/slot.h \
	libclient/core/supply.c libclient/core/supply.h
