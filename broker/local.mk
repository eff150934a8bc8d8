# SPDX-License-Identifier: Apache-2.0
# The broker: pure machines, then what runs them on a loop, then a small main.

# ---- Pure machines: base and wire only ----
noinst_LTLIBRARIES += broker/libbrokercore.la
broker_libbrokercore_la_SOURCES = \
	broker/core/alter.c broker/core/alter.h \
	broker/core/config.c broker/core/config.h \
	broker/core/config_ignored.h broker/core/config_rows.c \
	broker/core/live_config.c broker/core/live_config.h \
	broker/core/overrides.c broker/core/overrides.h \
	broker/core/group_config.c broker/core/group_config.h \
	broker/core/group/classic.h \
	broker/core/group/consumer.h \
	broker/core/group/describe.c broker/core/group/describe.h \
	broker/core/group/group.h \
	broker/core/group/groups.c broker/core/group/groups.h \
	broker/core/group/join.c \
	broker/core/group/members.c \
	broker/core/group/offset_state.c \
	broker/core/group/offsets.c broker/core/group/offsets.h \
	broker/core/group/records.c broker/core/group/records.h \
	broker/core/group/round.c \
	broker/core/group/subscription.c \
	broker/core/group/sync.c \
	broker/core/group/modern/assign.c broker/core/group/modern/assign.h \
	broker/core/group/modern/assign_range.c \
	broker/core/group/modern/assign_uniform.c \
	broker/core/group/modern/beat.c broker/core/group/modern/beat.h \
	broker/core/group/modern/beat_check.c \
	broker/core/group/modern/classic.c broker/core/group/modern/classic.h \
	broker/core/group/modern/commit.c \
	broker/core/group/modern/describe.c \
	broker/core/group/modern/embedded.c \
	broker/core/group/modern/emit.c \
	broker/core/group/modern/enter.c \
	broker/core/group/modern/kinds.h \
	broker/core/group/modern/life.c \
	broker/core/group/modern/migrate.c broker/core/group/modern/migrate.h \
	broker/core/group/modern/modern.h \
	broker/core/group/modern/parts.c broker/core/group/modern/parts.h \
	broker/core/group/modern/reconcile.c \
	broker/core/group/modern/refresh.c \
	broker/core/group/modern/replay.c \
	broker/core/group/modern/state.c \
	broker/core/group/modern/target.c \
	broker/core/group/modern/wants.c \
	broker/core/group/modern/words.c \
	broker/core/txn_mark.c broker/core/txn_mark.h \
	broker/core/outcome.c broker/core/outcome.h \
	broker/core/txn/add.c \
	broker/core/txn/begin.c \
	broker/core/txn/describe.c broker/core/txn/describe.h \
	broker/core/txn/end.c \
	broker/core/txn/records.c \
	broker/core/txn/txn.h \
	broker/core/txn/txns.c broker/core/txn/txns.h \
	broker/core/sessions.c broker/core/sessions.h \
	broker/core/topic_config.c broker/core/topic_config.h \
	broker/core/topic_rows.h \
	broker/core/topics.c broker/core/topics.h \
	broker/core/turns.c broker/core/turns.h \
	broker/core/waiters.c broker/core/waiters.h

# ---- The metadata store ----
noinst_LTLIBRARIES += broker/libbrokermeta.la
broker_libbrokermeta_la_SOURCES = \
	broker/meta/embedded.c broker/meta/embedded.h \
	broker/meta/embedded_answer.c broker/meta/embedded_batch.c \
	broker/meta/embedded_impl.h \
	broker/meta/journal.c broker/meta/journal.h \
	broker/meta/journal_code.c broker/meta/journal_code.h \
	broker/meta/meta.h \
	broker/meta/ops.c broker/meta/ops.h \
	broker/meta/records.c broker/meta/records.h \
	broker/meta/tree.c broker/meta/tree.h \
	broker/meta/watches.c broker/meta/watches.h
broker_libbrokermeta_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
broker_libbrokermeta_la_LIBADD = $(JANSSON_LIBS)

# ---- The broker as a library ----
noinst_LTLIBRARIES += broker/libbroker.la
broker_libbroker_la_SOURCES = \
	broker/broker.h \
	broker/api/api.h broker/api/table.c \
	broker/api/add_offsets_to_txn.c \
	broker/api/add_partitions_to_txn.c \
	broker/api/alter_configs.c broker/api/alter_configs.h \
	broker/api/alter_configs_common.c \
	broker/api/alter_replica_log_dirs.c \
	broker/api/api_versions.c \
	broker/api/config_resource.c broker/api/config_resource.h \
	broker/api/create_partitions.c \
	broker/api/create_topics.c \
	broker/api/delete_records.c \
	broker/api/delete_topics.c \
	broker/api/describe_cluster.c \
	broker/api/describe_configs.c \
	broker/api/describe_log_dirs.c \
	broker/api/describe_producers.c \
	broker/api/describe_topic_partitions.c \
	broker/api/describe_transactions.c \
	broker/api/elect_leaders.c \
	broker/api/end_txn.c \
	broker/api/fetch.c broker/api/fetch.h broker/api/fetch_answer.c \
	broker/api/find_coordinator.c \
	broker/api/incremental_alter_configs.c \
	broker/api/group.c broker/api/group.h \
	broker/api/consumer_group_describe.c \
	broker/api/consumer_group_heartbeat.c \
	broker/api/delete_groups.c \
	broker/api/describe_groups.c \
	broker/api/heartbeat.c \
	broker/api/join_group.c \
	broker/api/leave_group.c \
	broker/api/list_groups.c \
	broker/api/offset_commit.c \
	broker/api/offset_delete.c \
	broker/api/offset_fetch.c \
	broker/api/sync_group.c \
	broker/api/txn_offset_commit.c \
	broker/api/init_producer_id.c \
	broker/api/list_config_resources.c \
	broker/api/list_offsets.c \
	broker/api/lookup.c broker/api/lookup.h \
	broker/api/list_transactions.c \
	broker/api/metadata.c \
	broker/api/offset_for_leader_epoch.c \
	broker/api/produce.c \
	broker/api/produce_batch.c broker/api/produce_batch.h \
	broker/api/produce_check.c broker/api/produce_check.h \
	broker/api/produce_txn.c broker/api/produce_txn.h \
	broker/api/reassignments.c \
	broker/api/step.c broker/api/step.h \
	broker/api/txn.c broker/api/txn.h \
	broker/api/update_features.c \
	broker/api/write_txn_markers.c \
	broker/server/broker.c \
	broker/server/group/topic.c broker/server/group/topic.h \
	broker/server/coordinator/batch.c broker/server/coordinator/batch.h \
	broker/server/coordinator/coordinator.c broker/server/coordinator/coordinator.h \
	broker/server/coordinator/load.c broker/server/coordinator/load.h \
	broker/server/coordinator/topic.c broker/server/coordinator/topic.h \
	broker/server/change.c broker/server/change.h \
	broker/server/changes.c broker/server/changes.h \
	broker/server/changes_delete.c \
	broker/server/checkers.c broker/server/checkers.h \
	broker/server/cluster.c broker/server/cluster.h \
	broker/server/config_docs.c \
	broker/server/configs.c broker/server/configs.h \
	broker/server/configs_alter.c \
	broker/server/configs_groups.c broker/server/configs_groups.h \
	broker/server/credit.c broker/server/credit.h \
	broker/server/features.c broker/server/features.h \
	broker/server/ids.c broker/server/ids.h \
	broker/server/image.c broker/server/image.h \
	broker/server/leading.c broker/server/leading.h \
	broker/server/life.c broker/server/life.h \
	broker/server/link.c broker/server/link.h \
	broker/server/listeners.c broker/server/listeners.h \
	broker/server/marker.c broker/server/marker.h \
	broker/server/verify.c broker/server/verify.h \
	broker/server/request.c broker/server/request.h \
	broker/server/request_log.c broker/server/request_log.h \
	broker/server/server.c broker/server/server.h \
	broker/server/shard.h \
	broker/server/txn/join.c broker/server/txn/join.h \
	broker/server/txn/send.c broker/server/txn/send.h \
	broker/server/txn/topic.c broker/server/txn/topic.h
broker_libbroker_la_LIBADD = \
	broker/libbrokermeta.la broker/libdrive.la broker/libstore.la \
	broker/libbrokercore.la net/libnet.la wire/libwire.la base/libbase.la

bin_PROGRAMS += bin/kurierd
bin_kurierd_SOURCES = broker/kurierd.c
bin_kurierd_LDADD = broker/libbroker.la
dist_man_MANS += doc/man/kurierd.1
