# SPDX-License-Identifier: Apache-2.0
noinst_PROGRAMS += examples/admin examples/consume examples/copier examples/epoll examples/group \
	examples/produce
examples_admin_SOURCES = examples/admin.c
examples_admin_LDADD = libkurier.la
examples_consume_SOURCES = examples/consume.c
examples_consume_LDADD = libkurier.la
examples_copier_SOURCES = examples/copier.c
examples_copier_LDADD = libkurier.la
examples_epoll_SOURCES = examples/epoll.c
examples_epoll_LDADD = libkurier.la
examples_group_SOURCES = examples/group.c
examples_group_LDADD = libkurier.la
examples_produce_SOURCES = examples/produce.c
examples_produce_LDADD = libkurier.la
