# SPDX-License-Identifier: Apache-2.0
# The `kurier` command, over include/ only.
bin_PROGRAMS += bin/kurier
bin_kurier_SOURCES = \
	cli/args.c \
	cli/cli.h \
	cli/consume.c \
	cli/input.c \
	cli/main.c \
	cli/produce.c \
	cli/text.c \
	cli/topic.c
bin_kurier_LDADD = libkurier.la
dist_man_MANS += doc/man/kurier.1
