# SPDX-License-Identifier: Apache-2.0
# The producer: its pure machines, then what drives them.
noinst_LTLIBRARIES += libclient/libproducercore.la
libclient_libproducercore_la_SOURCES = \
	libclient/core/bell.c libclient/core/bell.h \
	libclient/core/packer.c libclient/core/packer.h \
	libclient/core/partitioner.c libclient/core/partitioner.h \
	libclient/core/reports.c libclient/core/reports.h \
	libclient/core/send_batch.c libclient/core/send_batch.h \
	libclient/core/sender.c libclient/core/sender.h \
	libclient/core/sender_answer.c \
	libclient/core/sender_choose.c \
	libclient/core/sender_flush.c \
	libclient/core/sender_place.c \
	libclient/core/sender_request.c \
	libclient/core/sender_split.c \
	libclient/core/sender_topic.c \
	libclient/core/slot.c libclient/core/slot.h \
	libclient/core/supply.c libclient/core/supply.h

libclient_libclientcore_la_SOURCES += \
	libclient/core/txn/part.h \
	libclient/core/txn/txn.c libclient/core/txn/txn.h \
	libclient/core/txn/txn_answer.c \
	libclient/core/txn/txn_request.c libclient/core/txn/txn_response.h

libclient_libclient_la_SOURCES += \
	libclient/api/producer.c \
	libclient/api/producer_reports.c \
	libclient/api/producer_send.c \
	libclient/api/producer_wait.c \
	libclient/api/transactions.c \
	libclient/drive/producer.c libclient/drive/producer.h \
	libclient/drive/producer_flush.c \
	libclient/drive/producer_id.c \
	libclient/drive/producer_options.c \
	libclient/drive/producer_request.c \
	libclient/drive/producer_sync.c \
	libclient/drive/txn.c libclient/drive/txn.h
