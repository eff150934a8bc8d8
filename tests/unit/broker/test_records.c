/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator asks of logs and replicas, over real sockets. */
#include "tests/unit/unit.h"
#include "tests/unit/broker/ask.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/gen/alter_partition_reassignments.h"
#include "wire/gen/alter_replica_log_dirs.h"
#include "wire/gen/delete_records.h"
#include "wire/gen/describe_log_dirs.h"
#include "wire/gen/describe_producers.h"
#include "wire/gen/elect_leaders.h"
#include "wire/gen/list_partition_reassignments.h"
#include "wire/gen/metadata.h"
#include <string.h>

enum { LATEST = -1, EARLIEST = -2, MAX_TIMESTAMP = -3 };

struct rig {
    struct kb_fs *fs;
    struct kd_broker *broker;
    struct client client;
};

static void start(struct rig *rig)
{
    rig->broker = rig_broker(rig->fs);
    rig_set(rig->broker, "log.dirs", "/data/kurier");
    rig_start(rig->broker);
    client_dial(&rig->client, rig->broker);
}

static void stop(struct rig *rig)
{
    client_hang_up(&rig->client);
    rig_end(rig->broker);
}

static int setup(void **state)
{
    struct rig *rig = kb_calloc(1, sizeof *rig);
    rig->fs = kb_fs_mem_new();
    start(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    stop(rig);
    rig->fs->ops->free(rig->fs);
    kb_free(rig);
    return 0;
}

/* The broker goes on over its disk as a power loss leaves it at this moment. */
static void lose_power(struct rig *rig)
{
    struct kb_random random;
    struct kb_fs *then = kb_fs_mem_clone(rig->fs);
    stop(rig);
    rig->fs->ops->free(rig->fs);
    kb_random_seed(&random, 7);
    kb_fs_mem_crash(then, KB_CRASH_POWER, &random);
    rig->fs = then;
    start(rig);
}

/* ---- DeleteRecords ------------------------------------------------------ */

/* The low watermark, or minus the error. */
static int64_t delete_records(struct client *c, int16_t version, const char *topic,
                              int32_t partition, int64_t offset)
{
    struct kw_delete_records_request in;
    struct kw_delete_records_request_partition p = {partition, offset};
    struct kw_delete_records_request_topic t = {kb_slice_str(topic), &p, 1};
    struct kw_delete_records_response out;
    struct kw_writer w;
    kw_delete_records_request_init(&in);
    in.topics = &t;
    in.topics_count = 1;
    in.timeout_ms = 10000;
    client_begin(c, &w, KW_API_DELETE_RECORDS, version);
    kw_delete_records_request_encode(&w, version, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_DELETE_RECORDS, version));
    assert_true(kw_delete_records_response_decode(&c->body, version, &c->arena, &out));
    const struct kw_delete_records_response_partition *got = &out.topics[0].partitions[0];
    assert_int_equal(got->partition_index, partition);
    if (got->error_code)
        assert_int_equal(got->low_watermark, -1);
    return got->error_code ? -got->error_code : got->low_watermark;
}

static int fetch_code(struct client *c, int64_t offset)
{
    return ask_fetch(c, &(struct fetch_spec){.topic = "t", .session_epoch = -1, .offset = offset})
        .error_code;
}

static void deleted_records_are_gone_at_once(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < 10; i++)
        ask_produce(c, "t", 0, &ten_records);
    for (int16_t version = 0; version <= 2; version++) {
        int64_t to = 10 * (version + 1) + 5; /* in the middle of a batch */
        assert_int_equal(delete_records(c, version, "t", 0, to), to);
        assert_int_equal(fetch_code(c, to - 1), KB_E_OFFSET_OUT_OF_RANGE);
        assert_int_equal(fetch_code(c, to), 0);
        assert_int_equal(ask_offset(c, "t", EARLIEST).offset, to);
        assert_int_equal(ask_offset(c, "t", LATEST).offset, 100);
    }
    assert_int_equal(delete_records(c, 2, "t", 0, 7), 35); /* it never goes back */
    assert_int_equal(delete_records(c, 2, "t", 0, -1), 100);
    assert_int_equal(ask_offset(c, "t", EARLIEST).offset, 100);
    assert_int_equal(fetch_code(c, 100), 0);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), 100);
}

static void what_cannot_be_deleted_is_refused(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    ask_create(c, "compacted", 1, "cleanup.policy", "compact", 0);
    ask_create(c, "both", 1, "cleanup.policy", "compact,delete", 0);
    ask_produce(c, "t", 0, &ten_records);
    assert_int_equal(delete_records(c, 2, "t", 0, 11), -KB_E_OFFSET_OUT_OF_RANGE);
    assert_int_equal(delete_records(c, 2, "t", 0, -2), -KB_E_OFFSET_OUT_OF_RANGE);
    assert_int_equal(delete_records(c, 2, "t", 1, 0), -KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(delete_records(c, 2, "nowhere", 0, 0), -KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(delete_records(c, 2, "compacted", 0, 0), -KB_E_POLICY_VIOLATION);
    assert_int_equal(delete_records(c, 2, "both", 0, 0), 0);
    assert_int_equal(ask_offset(c, "t", EARLIEST).offset, 0);
}

static void deleted_records_stay_away_through_a_power_loss(void **state)
{
    struct rig *rig = *state;
    ask_create(&rig->client, "t", 1, NULL, NULL, 0);
    for (int i = 0; i < 3; i++)
        ask_produce(&rig->client, "t", 0, &ten_records);
    for (int64_t to = 5; to < 30; to += 8) {
        assert_int_equal(delete_records(&rig->client, 2, "t", 0, to), to);
        lose_power(rig);
        assert_int_equal(ask_offset(&rig->client, "t", EARLIEST).offset, to);
        assert_int_equal(ask_offset(&rig->client, "t", LATEST).offset, 30);
        assert_int_equal(fetch_code(&rig->client, to - 1), KB_E_OFFSET_OUT_OF_RANGE);
        assert_int_equal(fetch_code(&rig->client, to), 0);
    }
}

static void deleted_records_are_not_found_by_their_time(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    struct batch_spec spec = ten_records;
    for (int64_t time = 5000; time > 1000; time -= 1000) {
        spec.timestamp_ms = time;
        ask_produce(c, "t", 0, &spec);
    }
    assert_int_equal(ask_offset(c, "t", MAX_TIMESTAMP).timestamp, 5000);
    delete_records(c, 2, "t", 0, 3);
    assert_int_equal(ask_offset(c, "t", 1).offset, 3);
    assert_int_equal(ask_offset(c, "t", MAX_TIMESTAMP).offset, 3);
    delete_records(c, 2, "t", 0, 15);
    assert_int_equal(ask_offset(c, "t", 1).offset, 15);
    assert_int_equal(ask_offset(c, "t", 5000).offset, -1);
    assert_int_equal(ask_offset(c, "t", MAX_TIMESTAMP).offset, 15);
    assert_int_equal(ask_offset(c, "t", MAX_TIMESTAMP).timestamp, 4000);
    delete_records(c, 2, "t", 0, -1);
    assert_int_equal(ask_offset(c, "t", 1).offset, -1);
    assert_int_equal(ask_offset(c, "t", MAX_TIMESTAMP).offset, -1);
}

static void a_fetch_that_waits_hears_of_a_deletion(void **state)
{
    struct rig *rig = *state;
    struct client other;
    client_dial(&other, rig->broker);
    ask_create(&other, "t", 1, NULL, NULL, 0);
    ask_produce(&other, "t", 0, &ten_records);
    ask_fetch_send(&rig->client, &(struct fetch_spec){.topic = "t",
                                                      .session_epoch = -1,
                                                      .max_wait_ms = 15000,
                                                      .min_bytes = 100000,
                                                      .offset = 2});
    assert_int_equal(delete_records(&other, 2, "t", 0, 5), 5);
    struct kw_fetch_response out = ask_fetch_hear(&rig->client);
    assert_int_equal(out.responses[0].partitions[0].error_code, KB_E_OFFSET_OUT_OF_RANGE);
    client_hang_up(&other);
}

/* ---- Directories -------------------------------------------------------- */

static struct kw_describe_log_dirs_response_result describe_dirs(
    struct client *c, int16_t version, struct kw_describe_log_dirs_request_topic *topics,
    int32_t count)
{
    struct kw_describe_log_dirs_request in;
    struct kw_describe_log_dirs_response out;
    struct kw_writer w;
    kw_describe_log_dirs_request_init(&in);
    in.topics = topics;
    in.topics_count = count;
    client_begin(c, &w, KW_API_DESCRIBE_LOG_DIRS, version);
    kw_describe_log_dirs_request_encode(&w, version, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_DESCRIBE_LOG_DIRS, version));
    assert_true(kw_describe_log_dirs_response_decode(&c->body, version, &c->arena, &out));
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.results_count, 1);
    return out.results[0];
}

static void a_directory_tells_what_lies_in_it(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_describe_log_dirs_response_result dir;
    ask_create(c, "t", 3, NULL, NULL, 0);
    ask_create(c, "u", 1, NULL, NULL, 0);
    struct kb_buf *batch = make_batch(&ten_records);
    ask_produce(c, "t", 1, &ten_records);
    ask_produce(c, "t", 1, &ten_records);
    for (int16_t version = 1; version <= 5; version++) {
        dir = describe_dirs(c, version, NULL, -1);
        assert_int_equal(dir.error_code, 0);
        assert_true(kb_slice_equal(dir.log_dir, kb_slice_str("/data/kurier")));
        assert_int_equal(dir.topics_count, 2);
        assert_int_equal(dir.topics[0].partitions_count + dir.topics[1].partitions_count, 4);
        assert_int_equal(dir.total_bytes > 0 && dir.usable_bytes > 0, version >= 4);
    }
    int32_t wanted[] = {1, 7};
    struct kw_describe_log_dirs_request_topic topics[] = {{kb_slice_str("t"), wanted, 2},
                                                          {kb_slice_str("nowhere"), wanted, 2}};
    dir = describe_dirs(c, 4, topics, 2);
    assert_int_equal(dir.topics_count, 1);
    assert_int_equal(dir.topics[0].partitions_count, 1);
    assert_int_equal(dir.topics[0].partitions[0].partition_index, 1);
    assert_int_equal(dir.topics[0].partitions[0].partition_size, 2 * batch->size);
    assert_int_equal(describe_dirs(c, 4, topics, 0).topics_count, 0);
    kb_buf_unref(batch);
}

static int16_t move_to_dir(struct client *c, const char *path, const char *topic, int32_t partition)
{
    struct kw_alter_replica_log_dirs_request in;
    struct kw_alter_replica_log_dirs_request_topic t = {kb_slice_str(topic), &partition, 1};
    struct kw_alter_replica_log_dirs_request_dir dir = {kb_slice_str(path), &t, 1};
    struct kw_alter_replica_log_dirs_response out;
    struct kw_writer w;
    kw_alter_replica_log_dirs_request_init(&in);
    in.dirs = &dir;
    in.dirs_count = 1;
    client_begin(c, &w, KW_API_ALTER_REPLICA_LOG_DIRS, 2);
    kw_alter_replica_log_dirs_request_encode(&w, 2, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_ALTER_REPLICA_LOG_DIRS, 2));
    assert_true(kw_alter_replica_log_dirs_response_decode(&c->body, 2, &c->arena, &out));
    return out.results[0].partitions[0].error_code;
}

static void there_is_no_other_directory_to_move_to(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(move_to_dir(c, "/data/kurier", "t", 0), 0);
    assert_int_equal(move_to_dir(c, "/elsewhere", "t", 0), KB_E_LOG_DIR_NOT_FOUND);
    assert_int_equal(move_to_dir(c, "/data/kurier", "t", 1), KB_E_UNKNOWN_TOPIC_OR_PARTITION);
}

/* ---- Leaders and replicas ----------------------------------------------- */

static struct kw_elect_leaders_response elect(struct client *c, int16_t version, int8_t type,
                                              struct kw_elect_leaders_request_topic *topics,
                                              int32_t count)
{
    struct kw_elect_leaders_request in;
    struct kw_elect_leaders_response out;
    struct kw_writer w;
    kw_elect_leaders_request_init(&in);
    in.election_type = type;
    in.topic_partitions = topics;
    in.topic_partitions_count = count;
    client_begin(c, &w, KW_API_ELECT_LEADERS, version);
    kw_elect_leaders_request_encode(&w, version, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_ELECT_LEADERS, version));
    assert_true(kw_elect_leaders_response_decode(&c->body, version, &c->arena, &out));
    return out;
}

static void no_election_is_needed(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    int32_t partitions[] = {1, 5};
    struct kw_elect_leaders_request_topic topics[] = {{kb_slice_str("t"), partitions, 2},
                                                      {kb_slice_str("nowhere"), partitions, 1}};
    struct kw_elect_leaders_response out;
    ask_create(c, "t", 2, NULL, NULL, 0);
    for (int16_t version = 0; version <= 2; version++) {
        for (int8_t type = 0; type <= (version > 0); type++) {
            out = elect(c, version, type, topics, 2);
            assert_int_equal(out.error_code, 0);
            const struct kw_elect_leaders_response_partition_result *t =
                out.replica_election_results[0].partition_result;
            assert_int_equal(t[0].error_code, KB_E_ELECTION_NOT_NEEDED);
            assert_int_equal(t[1].error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
            t = out.replica_election_results[1].partition_result;
            assert_int_equal(t[0].error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
        }
        assert_int_equal(elect(c, version, 0, NULL, -1).replica_election_results_count, 0);
    }
    assert_int_equal(elect(c, 2, 9, NULL, -1).error_code, KB_E_INVALID_REQUEST);
}

static int16_t reassign(struct client *c, const char *topic, int32_t partition, int32_t *replicas,
                        int32_t count)
{
    struct kw_alter_partition_reassignments_request in;
    struct kw_alter_partition_reassignments_request_partition p = {partition, replicas, count};
    struct kw_alter_partition_reassignments_request_topic t = {kb_slice_str(topic), &p, 1};
    struct kw_alter_partition_reassignments_response out;
    struct kw_writer w;
    kw_alter_partition_reassignments_request_init(&in);
    in.topics = &t;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_ALTER_PARTITION_REASSIGNMENTS, 1);
    kw_alter_partition_reassignments_request_encode(&w, 1, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_ALTER_PARTITION_REASSIGNMENTS, 1));
    assert_true(kw_alter_partition_reassignments_response_decode(&c->body, 1, &c->arena, &out));
    assert_int_equal(out.error_code, 0);
    return out.responses[0].partitions[0].error_code;
}

static void replicas_are_where_they_can_be(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_list_partition_reassignments_request in;
    struct kw_list_partition_reassignments_response out;
    struct kw_writer w;
    ask_create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(reassign(c, "t", 0, (int32_t[]){1}, 1), 0);
    assert_int_equal(reassign(c, "t", 0, (int32_t[]){2}, 1), KB_E_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(c, "t", 0, (int32_t[]){1, 2}, 2), KB_E_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(c, "t", 0, (int32_t[]){1}, 0), KB_E_INVALID_REPLICA_ASSIGNMENT);
    assert_int_equal(reassign(c, "t", 0, NULL, -1), KB_E_NO_REASSIGNMENT_IN_PROGRESS);
    assert_int_equal(reassign(c, "t", 3, (int32_t[]){1}, 1), KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(reassign(c, "nowhere", 0, NULL, -1), KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    kw_list_partition_reassignments_request_init(&in);
    client_begin(c, &w, KW_API_LIST_PARTITION_REASSIGNMENTS, 0);
    kw_list_partition_reassignments_request_encode(&w, 0, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_LIST_PARTITION_REASSIGNMENTS, 0));
    assert_true(kw_list_partition_reassignments_response_decode(&c->body, 0, &c->arena, &out));
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.topics_count, 0);
}

static struct kw_describe_producers_response_partition describe_producers(struct client *c,
                                                                          const char *topic,
                                                                          int32_t partition)
{
    struct kw_describe_producers_request in;
    struct kw_describe_producers_request_topic t = {kb_slice_str(topic), &partition, 1};
    struct kw_describe_producers_response out;
    struct kw_writer w;
    kw_describe_producers_request_init(&in);
    in.topics = &t;
    in.topics_count = 1;
    client_begin(c, &w, KW_API_DESCRIBE_PRODUCERS, 0);
    kw_describe_producers_request_encode(&w, 0, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_DESCRIBE_PRODUCERS, 0));
    assert_true(kw_describe_producers_response_decode(&c->body, 0, &c->arena, &out));
    return out.topics[0].partitions[0];
}

static void producers_are_told_as_far_as_they_came(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    struct batch_spec batch = {.producer_id = ask_producer_id(c), .count = 10, .timestamp_ms = 77};
    ask_produce(c, "t", 0, &ten_records);
    assert_int_equal(describe_producers(c, "t", 0).active_producers_count, 0);
    ask_produce(c, "t", 0, &batch);
    batch.sequence = 10;
    ask_produce(c, "t", 0, &batch);
    struct kw_describe_producers_response_partition out = describe_producers(c, "t", 0);
    assert_int_equal(out.active_producers_count, 1);
    assert_int_equal(out.active_producers[0].producer_id, batch.producer_id);
    assert_int_equal(out.active_producers[0].producer_epoch, 0);
    assert_int_equal(out.active_producers[0].last_sequence, 19);
    assert_int_equal(out.active_producers[0].last_timestamp, 77);
    assert_int_equal(out.active_producers[0].coordinator_epoch, -1);
    assert_int_equal(out.active_producers[0].current_txn_start_offset, -1);
    assert_int_equal(describe_producers(c, "t", 1).error_code, KB_E_UNKNOWN_TOPIC_OR_PARTITION);
}

/* ---- What stands in metadata -------------------------------------------- */

static struct kw_metadata_response metadata(struct client *c, bool with_operations)
{
    struct kw_metadata_request in;
    struct kw_metadata_response out;
    struct kw_writer w;
    kw_metadata_request_init(&in);
    in.topics_count = -1;
    in.include_cluster_authorized_operations = in.include_topic_authorized_operations =
        with_operations;
    client_begin(c, &w, KW_API_METADATA, 9);
    kw_metadata_request_encode(&w, 9, &in);
    client_send(c, &w);
    assert_true(client_hear(c, KW_API_METADATA, 9));
    assert_true(kw_metadata_response_decode(&c->body, 9, &c->arena, &out));
    return out;
}

static void everything_may_be_done_without_acls(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    struct kw_metadata_response out = metadata(c, false);
    assert_int_equal(out.cluster_authorized_operations, INT32_MIN);
    assert_int_equal(out.topics[0].topic_authorized_operations, INT32_MIN);
    out = metadata(c, true);
    assert_int_equal(out.cluster_authorized_operations, 0x1fa0);
    assert_int_equal(out.topics[0].topic_authorized_operations, 0xdf8);
}

/* What was on the disk once is not there any more. */
static void a_log_that_is_given_up_is_told_as_offline(void **state)
{
    struct rig *rig = *state;
    int32_t partition = 0;
    struct kw_elect_leaders_request_topic topic = {kb_slice_str("t"), &partition, 1};
    ask_create(&rig->client, "t", 1, NULL, NULL, 0);
    ask_produce(&rig->client, "t", 0, &ten_records);
    stop(rig);
    assert_int_equal(rig->fs->ops->unlink(rig->fs, "t-0/00000000000000000000.log"), 0);
    start(rig);
    struct client *c = &rig->client;
    struct kw_metadata_response_partition told = metadata(c, false).topics[0].partitions[0];
    assert_int_equal(told.offline_replicas_count, 1);
    assert_int_equal(told.offline_replicas[0], 1);
    assert_int_equal(ask_produce(c, "t", 0, &ten_records), -KB_E_KAFKA_STORAGE_ERROR);
    assert_int_equal(fetch_code(c, 0), KB_E_KAFKA_STORAGE_ERROR);
    assert_int_equal(delete_records(c, 2, "t", 0, -1), -KB_E_KAFKA_STORAGE_ERROR);
    assert_int_equal(describe_producers(c, "t", 0).error_code, KB_E_KAFKA_STORAGE_ERROR);
    struct kw_elect_leaders_response out = elect(c, 2, 0, &topic, 1);
    assert_int_equal(out.replica_election_results[0].partition_result[0].error_code,
                     KB_E_PREFERRED_LEADER_NOT_AVAILABLE);
    out = elect(c, 2, 1, NULL, -1);
    assert_int_equal(out.replica_election_results_count, 1);
    assert_int_equal(out.replica_election_results[0].partition_result[0].error_code,
                     KB_E_ELIGIBLE_LEADERS_NOT_AVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deleted_records_are_gone_at_once),
        TEST(what_cannot_be_deleted_is_refused),
        TEST(deleted_records_stay_away_through_a_power_loss),
        TEST(deleted_records_are_not_found_by_their_time),
        TEST(a_fetch_that_waits_hears_of_a_deletion),
        TEST(a_directory_tells_what_lies_in_it),
        TEST(there_is_no_other_directory_to_move_to),
        TEST(no_election_is_needed),
        TEST(replicas_are_where_they_can_be),
        TEST(producers_are_told_as_far_as_they_came),
        TEST(everything_may_be_done_without_acls),
        TEST(a_log_that_is_given_up_is_told_as_offline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
