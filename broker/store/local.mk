# SPDX-License-Identifier: Apache-2.0
# Segments, indexes, recovery: straight-line code over base/fs.h. The pure
# state that it loads is of the core.
broker_libbrokercore_la_SOURCES += \
	broker/core/aborted.c broker/core/aborted.h \
	broker/core/clean.c broker/core/clean.h \
	broker/core/compact.c broker/core/compact.h \
	broker/core/epochs.c broker/core/epochs.h \
	broker/core/key_map.c broker/core/key_map.h \
	broker/core/partition.c broker/core/partition.h \
	broker/core/producer_snapshot.c \
	broker/core/producer_state.c broker/core/producer_state.h \
	broker/core/retention.c broker/core/retention.h \
	broker/core/txn_sieve.c broker/core/txn_sieve.h \
	broker/core/wall.c broker/core/wall.h

noinst_LTLIBRARIES += broker/libstore.la
broker_libstore_la_SOURCES = \
	broker/store/aborted.c \
	broker/store/append.c \
	broker/store/chain.c \
	broker/store/checkpoint.c broker/store/checkpoint.h \
	broker/store/clean.c broker/store/clean.h \
	broker/store/dir.c broker/store/dir.h \
	broker/store/index.c broker/store/index.h \
	broker/store/index_file.c broker/store/index_file.h \
	broker/store/layout.c broker/store/layout.h \
	broker/store/load.c broker/store/loading.h \
	broker/store/locate.c broker/store/locate.h \
	broker/store/log.c broker/store/log.h \
	broker/store/lookup.c \
	broker/store/recover.c broker/store/recover.h \
	broker/store/replay.c \
	broker/store/scan.c broker/store/scan.h \
	broker/store/segment.c broker/store/segment.h \
	broker/store/swap.c broker/store/swap.h \
	broker/store/trim.c \
	broker/store/txn_file.c broker/store/txn_file.h \
	broker/store/txn_index.c broker/store/txn_index.h
