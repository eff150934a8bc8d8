# SPDX-License-Identifier: Apache-2.0
# The consumer: what to fetch (core), fetching and cutting (drive), its face (api).
libclient_libclientcore_la_SOURCES += \
	libclient/core/aborted.c libclient/core/aborted.h \
	libclient/core/assign_range.c \
	libclient/core/assign_sticky.c \
	libclient/core/assignor.c libclient/core/assignor.h \
	libclient/core/fetcher.c libclient/core/fetcher.h \
	libclient/core/fetcher_answer.c \
	libclient/core/fetcher_node.h \
	libclient/core/fetcher_plan.c \
	libclient/core/group/auto.c \
	libclient/core/group/change.h \
	libclient/core/group/finished.c libclient/core/group/finished.h \
	libclient/core/group/classic.c libclient/core/group/classic.h \
	libclient/core/group/classic_answer.c \
	libclient/core/group/classic_plan.c \
	libclient/core/group/classic_time.c \
	libclient/core/group/finder.c libclient/core/group/finder.h \
	libclient/core/group/group_options.c libclient/core/group/group_options.h \
	libclient/core/group/lead.c libclient/core/group/lead.h \
	libclient/core/group/member.c libclient/core/group/member.h \
	libclient/core/group/subscription.c libclient/core/group/subscription.h \
	libclient/core/group/member_request.c libclient/core/group/member_request.h \
	libclient/core/group/modern.c libclient/core/group/modern.h \
	libclient/core/group/modern_beat.c \
	libclient/core/group/modern_target.c \
	libclient/core/group/names.c libclient/core/group/names.h \
	libclient/core/group/partitions.c libclient/core/group/partitions.h

libclient_libclient_la_SOURCES += \
	libclient/api/attach.c \
	libclient/api/batch.c \
	libclient/api/batch_finish.c \
	libclient/api/consumer.c libclient/api/consumer.h \
	libclient/api/consumer_commit.c \
	libclient/api/consumer_group.c \
	libclient/api/consumer_poll.c \
	libclient/drive/attachment.c libclient/drive/attachment.h \
	libclient/drive/auto_commit.c libclient/drive/auto_commit.h \
	libclient/drive/batch.h \
	libclient/drive/commit.c libclient/drive/commit.h \
	libclient/drive/committed.c libclient/drive/committed.h \
	libclient/drive/consumer.c libclient/drive/consumer.h \
	libclient/drive/consumer_assign.c \
	libclient/drive/consumer_fetch.c libclient/drive/consumer_fetch.h \
	libclient/drive/consumer_offsets.c \
	libclient/drive/cutter.c libclient/drive/cutter.h \
	libclient/drive/feed.c libclient/drive/feed.h \
	libclient/drive/explain.c libclient/drive/explain.h \
	libclient/drive/lease.h \
	libclient/drive/listener.c libclient/drive/listener.h \
	libclient/drive/lookup.c libclient/drive/lookup.h \
	libclient/drive/verdict.c libclient/drive/verdict.h \
	libclient/drive/membership.c libclient/drive/membership.h \
	libclient/drive/pattern.c libclient/drive/pattern.h \
	libclient/drive/placement.c libclient/drive/placement.h \
	libclient/drive/rebalance.c libclient/drive/rebalance.h \
	libclient/drive/share.c libclient/drive/share.h
