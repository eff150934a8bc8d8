# SPDX-License-Identifier: Apache-2.0
# What goes over the wire: codecs made from the schema text, record batches,
# compression, checksums. No sockets, no files.
noinst_LTLIBRARIES += wire/libwire.la
wire_libwire_la_SOURCES = \
	wire/api.c wire/api.h \
	wire/be.h wire/varint.h \
	wire/frame.c wire/frame.h \
	wire/json.c wire/json.h \
	wire/layout.c wire/layout.h \
	wire/message.h \
	wire/print.c wire/print.h \
	wire/print_batches.c wire/print_fields.c wire/print_fields.h \
	wire/reader.c wire/reader.h \
	wire/writer.c wire/writer.h
wire_libwire_la_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(SNAPPY_CFLAGS) $(LZ4_CFLAGS) $(ZSTD_CFLAGS)
wire_libwire_la_LIBADD = $(ZLIB_LIBS) $(SNAPPY_LIBS) $(LZ4_LIBS) $(ZSTD_LIBS)

# ---- Codecs from the schema ----
# The tarball brings what is made here; only a changed schema needs Python.
wire_messages = \
	wire/gen/add_offsets_to_txn.c wire/gen/add_partitions_to_txn.c \
	wire/gen/allocate_producer_ids.c wire/gen/alter_client_quotas.c \
	wire/gen/alter_configs.c wire/gen/alter_partition_reassignments.c \
	wire/gen/alter_replica_log_dirs.c wire/gen/alter_share_group_offsets.c \
	wire/gen/alter_user_scram_credentials.c wire/gen/api_versions.c \
	wire/gen/consumer_group_describe.c wire/gen/consumer_group_heartbeat.c \
	wire/gen/create_acls.c wire/gen/create_delegation_token.c \
	wire/gen/create_partitions.c wire/gen/create_topics.c wire/gen/delete_acls.c \
	wire/gen/delete_groups.c wire/gen/delete_records.c \
	wire/gen/delete_share_group_offsets.c wire/gen/delete_share_group_state.c \
	wire/gen/delete_topics.c wire/gen/describe_acls.c wire/gen/describe_client_quotas.c \
	wire/gen/describe_cluster.c wire/gen/describe_configs.c \
	wire/gen/describe_delegation_token.c wire/gen/describe_groups.c \
	wire/gen/describe_log_dirs.c wire/gen/describe_producers.c wire/gen/describe_quorum.c \
	wire/gen/describe_share_group_offsets.c wire/gen/describe_topic_partitions.c \
	wire/gen/describe_transactions.c wire/gen/describe_user_scram_credentials.c \
	wire/gen/elect_leaders.c wire/gen/end_txn.c wire/gen/expire_delegation_token.c \
	wire/gen/fetch.c wire/gen/find_coordinator.c wire/gen/get_telemetry_subscriptions.c \
	wire/gen/heartbeat.c wire/gen/incremental_alter_configs.c wire/gen/init_producer_id.c \
	wire/gen/initialize_share_group_state.c wire/gen/join_group.c wire/gen/leave_group.c \
	wire/gen/list_config_resources.c wire/gen/list_groups.c wire/gen/list_offsets.c \
	wire/gen/list_partition_reassignments.c wire/gen/list_transactions.c \
	wire/gen/metadata.c wire/gen/offset_commit.c wire/gen/offset_delete.c \
	wire/gen/offset_fetch.c wire/gen/offset_for_leader_epoch.c wire/gen/produce.c \
	wire/gen/push_telemetry.c wire/gen/read_share_group_state.c \
	wire/gen/read_share_group_state_summary.c wire/gen/renew_delegation_token.c \
	wire/gen/sasl_authenticate.c wire/gen/sasl_handshake.c wire/gen/share_acknowledge.c \
	wire/gen/share_fetch.c wire/gen/share_group_describe.c \
	wire/gen/share_group_heartbeat.c wire/gen/streams_group_describe.c \
	wire/gen/streams_group_heartbeat.c wire/gen/sync_group.c wire/gen/txn_offset_commit.c \
	wire/gen/unregister_broker.c wire/gen/update_features.c \
	wire/gen/write_share_group_state.c wire/gen/write_txn_markers.c \
	wire/gen/consumer_group_current_member_assignment_record.c \
	wire/gen/consumer_group_member_metadata_record.c \
	wire/gen/consumer_group_metadata_record.c \
	wire/gen/consumer_group_partition_metadata_record.c \
	wire/gen/consumer_group_regular_expression_record.c \
	wire/gen/consumer_group_target_assignment_member_record.c \
	wire/gen/consumer_group_target_assignment_metadata_record.c \
	wire/gen/group_metadata_record.c wire/gen/legacy_offset_commit_record.c \
	wire/gen/offset_commit_record.c wire/gen/transaction_log_record.c \
	wire/gen/consumer_protocol_assignment.c wire/gen/consumer_protocol_subscription.c \
	wire/gen/control_record_type_schema.c wire/gen/end_txn_marker.c \
	wire/gen/sticky_assignor_user_data.c
wire_made = $(wire_messages) $(wire_messages:.c=.h) \
	wire/gen/apis.c wire/gen/apis.h wire/gen/layout.c
wire_libwire_la_SOURCES += $(wire_messages) $(wire_messages:.c=.h) \
	wire/gen/apis.c wire/gen/apis.h wire/gen/layout.c

BUILT_SOURCES += wire/gen/stamp
EXTRA_DIST += wire/schemac wire/schema wire/gen/stamp
CLEANFILES += $(wire_made) wire/gen/stamp

wire/gen/stamp: $(top_srcdir)/wire/schemac/*.py \
		$(top_srcdir)/wire/schema/*
	$(AM_V_GEN)$(MKDIR_P) wire/gen && touch $@.tmp && \
	$(PYTHON) -B $(top_srcdir)/wire/schemac wire/gen $(top_srcdir) && \
	mv -f $@.tmp $@
$(wire_made): wire/gen/stamp
	@test -f $@ || { rm -f wire/gen/stamp; $(MAKE) wire/gen/stamp; }

# ---- Record batches ----
include wire/batch.mk
