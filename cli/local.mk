# SPDX-License-Identifier: Apache-2.0
# The `kurier` command, over include/ only; `kurier log` and `kurier meta` read
# the broker's files with the broker's own readers.
bin_PROGRAMS += bin/kurier
bin_kurier_SOURCES = \
	cli/admin.c cli/admin.h \
	cli/args.c cli/args.h \
	cli/bench.c cli/bench.h \
	cli/bench_consume.c \
	cli/bench_produce.c \
	cli/cli.h \
	cli/cluster.c \
	cli/commands.c cli/commands.h \
	cli/complaints.c \
	cli/complete.c \
	cli/config.c \
	cli/consume.c \
	cli/envelope.c cli/envelope.h \
	cli/envelope_read.c \
	cli/flags.c \
	cli/format.c cli/format.h \
	cli/group_delete.c \
	cli/group_lag.c \
	cli/group_plan.c cli/group_plan.h \
	cli/group_reset.c \
	cli/group_show.c cli/group_show.h \
	cli/help.c cli/help.h \
	cli/histogram.c cli/histogram.h \
	cli/input.c cli/input.h \
	cli/iso8601.c cli/iso8601.h \
	cli/js.c cli/js.h \
	cli/kcat.c cli/kcat.h \
	cli/kcat_list.c \
	cli/kcat_query.c \
	cli/listing.c cli/listing.h \
	cli/main.c \
	cli/manual.c \
	cli/out.c cli/out.h \
	cli/pack.c cli/pack.h \
	cli/produce.c \
	cli/progress.c cli/progress.h \
	cli/ready.c \
	cli/signals.c \
	cli/spread.c cli/spread.h \
	cli/start.c cli/start.h \
	cli/text.c cli/text.h \
	cli/topic_change.c \
	cli/topic_create.c \
	cli/topic_offsets.c \
	cli/topic_records.c \
	cli/topic_show.c \
	cli/versions.c \
	cli/log/batches.c cli/log/batches.h \
	cli/log/dump.c cli/log/dump.h \
	cli/log/dump_batches.c \
	cli/log/dump_small.c \
	cli/log/files.c cli/log/files.h \
	cli/log/verify.c cli/log/verify.h \
	cli/log/verify_partition.c \
	cli/log/verify_segment.c \
	cli/meta/meta.c \
	cli/meta/store.c cli/meta/store.h
bin_kurier_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
bin_kurier_LDADD = libkurier.la \
	broker/libstore.la broker/libbrokermeta.la broker/libbrokercore.la \
	wire/libwire.la base/libbase.la $(JANSSON_LIBS)

kurier_pages = \
	doc/man/kurier-bench.1 doc/man/kurier-cluster.1 doc/man/kurier-config.1 \
	doc/man/kurier-consume.1 doc/man/kurier-group.1 doc/man/kurier-log.1 \
	doc/man/kurier-meta.1 doc/man/kurier-produce.1 doc/man/kurier-topic.1
dist_man_MANS += doc/man/kurier.1 $(kurier_pages)

# The pages of the commands are made of their tables; a test sees that they were.
kurier-pages: bin/kurier
	for page in $(kurier_pages); do \
		group=$${page#doc/man/kurier-}; group=$${group%.1}; \
		bin/kurier --man "$$group" >$(top_srcdir)/$$page || exit 1; \
	done
.PHONY: kurier-pages

completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = cli/completion/kurier
