# SPDX-License-Identifier: Apache-2.0
# The store as the state loop sees it.
noinst_LTLIBRARIES += broker/libdrive.la
broker_libdrive_la_SOURCES = \
	broker/drive/append.c \
	broker/drive/checkpoint.c \
	broker/drive/clean.c \
	broker/drive/close.c \
	broker/drive/control.c broker/drive/control.h \
	broker/drive/disk.c broker/drive/disk.h \
	broker/drive/epochs_file.c \
	broker/drive/internal.h \
	broker/drive/open.c \
	broker/drive/ops.c \
	broker/drive/pull.c broker/drive/pull.h \
	broker/drive/read.c \
	broker/drive/replica.h \
	broker/drive/retention.c \
	broker/drive/round.c \
	broker/drive/source.c broker/drive/source.h \
	broker/drive/starts.c \
	broker/drive/sync.c \
	broker/drive/tail.c broker/drive/tail.h
