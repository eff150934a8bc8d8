# SPDX-License-Identifier: Apache-2.0
# The broker: pure machines, then what runs them on a loop, then a small main.

# ---- Pure machines: base and wire only ----
noinst_LTLIBRARIES += broker/libbrokercore.la
broker_libbrokercore_la_SOURCES = \
	broker/core/config.c broker/core/config.h \
	broker/core/config_ignored.h broker/core/config_rows.c \
	broker/core/sessions.c broker/core/sessions.h \
	broker/core/topic_config.c broker/core/topic_config.h \
	broker/core/topics.c broker/core/topics.h \
	broker/core/waiters.c broker/core/waiters.h

# ---- The metadata store ----
noinst_LTLIBRARIES += broker/libbrokermeta.la
broker_libbrokermeta_la_SOURCES = \
	broker/meta/embedded.c broker/meta/embedded.h \
	broker/meta/journal.c broker/meta/journal.h \
	broker/meta/journal_code.c broker/meta/journal_code.h \
	broker/meta/meta.h \
	broker/meta/tree.c broker/meta/tree.h \
	broker/meta/watches.c broker/meta/watches.h
