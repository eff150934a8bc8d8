/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of consumer groups, over real sockets, to a broker that is stopped,
 * loses power and runs out of disk. */
#include "tests/unit/unit.h"
#include "tests/unit/broker/ask.h"
#include "broker/server/group/topic.h"
#include "wire/gen/delete_groups.h"
#include "wire/gen/delete_topics.h"
#include "wire/gen/describe_groups.h"
#include "wire/gen/find_coordinator.h"
#include "wire/gen/heartbeat.h"
#include "wire/gen/join_group.h"
#include "wire/gen/leave_group.h"
#include "wire/gen/list_groups.h"
#include "wire/gen/offset_commit.h"
#include "wire/gen/offset_delete.h"
#include "wire/gen/offset_fetch.h"
#include "wire/gen/sync_group.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct rig {
    struct kb_fs *fs;
    struct kd_broker *broker;
    struct client client;
};

struct member {
    char id[128];
    int32_t generation;
};

/* Of each request one shape, with what the tests change. */
#define SEND(c, key, name, version, in)                                                            \
    do {                                                                                           \
        struct kw_writer w_;                                                                       \
        client_begin((c), &w_, (key), (version));                                                  \
        assert_true(kw_##name##_request_encode(&w_, (version), (in)));                             \
        client_send((c), &w_);                                                                     \
    } while (0)
#define HEAR(c, key, name, version, out)                                                           \
    do {                                                                                           \
        assert_true(client_hear((c), (key), (version)));                                           \
        assert_true(kw_##name##_response_decode(&(c)->body, (version), &(c)->arena, (out)));       \
    } while (0)
#define ASK(c, key, name, version, in, out)                                                        \
    do {                                                                                           \
        SEND(c, key, name, version, in);                                                           \
        HEAR(c, key, name, version, out);                                                          \
    } while (0)

static void start(struct rig *rig)
{
    rig->broker = rig_broker(rig->fs);
    rig_set(rig->broker, "group.initial.rebalance.delay.ms", "0");
    rig_set(rig->broker, "offsets.topic.num.partitions", "4");
    rig_start(rig->broker);
    client_dial(&rig->client, rig->broker);
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
    client_hang_up(&rig->client);
    rig_end(rig->broker);
    rig->fs->ops->free(rig->fs);
    kb_free(rig);
    return 0;
}

/* ---- Asking ---- */

static int find_coordinator(struct client *c)
{
    struct kw_find_coordinator_request in;
    struct kw_find_coordinator_response out;
    struct kb_slice key = kb_slice_str("g");
    kw_find_coordinator_request_init(&in);
    in.coordinator_keys = &key;
    in.coordinator_keys_count = 1;
    ASK(c, KW_API_FIND_COORDINATOR, find_coordinator, 4, &in, &out);
    assert_int_equal(out.coordinators_count, 1);
    return out.coordinators[0].error_code;
}

static void send_join(struct client *c, const struct member *member)
{
    struct kw_join_group_request in;
    struct kw_join_group_request_protocol protocol;
    kw_join_group_request_init(&in);
    kw_join_group_request_protocol_init(&protocol);
    protocol.name = kb_slice_str("range");
    protocol.metadata = kb_slice_str("m");
    in.group_id = kb_slice_str("g");
    in.session_timeout_ms = in.rebalance_timeout_ms = 30000;
    in.member_id = kb_slice_str(member->id);
    in.protocol_type = kb_slice_str("consumer");
    in.protocols = &protocol;
    in.protocols_count = 1;
    SEND(c, KW_API_JOIN_GROUP, join_group, 9, &in);
}

static int hear_join(struct client *c, struct member *member)
{
    struct kw_join_group_response out;
    HEAR(c, KW_API_JOIN_GROUP, join_group, 9, &out);
    snprintf(member->id, sizeof member->id, "%.*s", (int)out.member_id.size, out.member_id.data);
    member->generation = out.generation_id;
    return out.error_code;
}

static int join(struct client *c, struct member *member)
{
    send_join(c, member);
    int code = hear_join(c, member);
    if (code != KB_E_MEMBER_ID_REQUIRED)
        return code;
    send_join(c, member);
    return hear_join(c, member);
}

static int sync_all(struct client *c, const struct member *leader)
{
    struct kw_sync_group_request in;
    struct kw_sync_group_response out;
    struct kw_sync_group_request_assignment one;
    kw_sync_group_request_init(&in);
    kw_sync_group_request_assignment_init(&one);
    one.member_id = kb_slice_str(leader->id);
    one.assignment = kb_slice_str("all");
    in.group_id = kb_slice_str("g");
    in.generation_id = leader->generation;
    in.member_id = kb_slice_str(leader->id);
    in.assignments = &one;
    in.assignments_count = 1;
    ASK(c, KW_API_SYNC_GROUP, sync_group, 5, &in, &out);
    if (!out.error_code)
        assert_true(kb_slice_is(out.assignment, "all"));
    return out.error_code;
}

static int heartbeat(struct client *c, const struct member *member)
{
    struct kw_heartbeat_request in;
    struct kw_heartbeat_response out;
    kw_heartbeat_request_init(&in);
    in.group_id = kb_slice_str("g");
    in.generation_id = member->generation;
    in.member_id = kb_slice_str(member->id);
    ASK(c, KW_API_HEARTBEAT, heartbeat, 4, &in, &out);
    return out.error_code;
}

static int leave(struct client *c, const struct member *member)
{
    struct kw_leave_group_request in;
    struct kw_leave_group_response out;
    struct kw_leave_group_request_member one;
    kw_leave_group_request_init(&in);
    kw_leave_group_request_member_init(&one);
    one.member_id = kb_slice_str(member->id);
    in.group_id = kb_slice_str("g");
    in.members = &one;
    in.members_count = 1;
    ASK(c, KW_API_LEAVE_GROUP, leave_group, 5, &in, &out);
    return out.error_code ? out.error_code : out.members[0].error_code;
}

static int commit(struct client *c, const char *topic, const struct member *member,
                  int32_t partition, int64_t offset)
{
    struct kw_offset_commit_request in;
    struct kw_offset_commit_response out;
    struct kw_offset_commit_request_topic t;
    struct kw_offset_commit_request_partition p;
    kw_offset_commit_request_init(&in);
    kw_offset_commit_request_topic_init(&t);
    kw_offset_commit_request_partition_init(&p);
    p.partition_index = partition;
    p.committed_offset = offset;
    p.committed_metadata = kb_slice_str("note");
    t.name = kb_slice_str(topic);
    t.partitions = &p;
    t.partitions_count = 1;
    in.group_id = kb_slice_str("g");
    in.generation_id_or_member_epoch = member ? member->generation : -1;
    in.member_id = kb_slice_str(member ? member->id : "");
    in.topics = &t;
    in.topics_count = 1;
    ASK(c, KW_API_OFFSET_COMMIT, offset_commit, 8, &in, &out);
    return out.topics[0].partitions[0].error_code;
}

/* By an old shape, which names one group. */
static void fetch_by(struct client *c, int16_t version, const char *topic, int32_t partition,
                     struct kw_offset_fetch_response *out)
{
    struct kw_offset_fetch_request in;
    struct kw_offset_fetch_request_topic t;
    kw_offset_fetch_request_init(&in);
    kw_offset_fetch_request_topic_init(&t);
    t.name = kb_slice_str(topic);
    t.partition_indexes = &partition;
    t.partition_indexes_count = 1;
    in.group_id = kb_slice_str("g");
    in.topics = &t;
    in.topics_count = 1;
    ASK(c, KW_API_OFFSET_FETCH, offset_fetch, version, &in, out);
}

/* -2: an error. */
static int64_t fetch(struct client *c, const char *topic, int32_t partition)
{
    struct kw_offset_fetch_response out;
    fetch_by(c, 5, topic, partition, &out);
    return out.error_code ? -2 : out.topics[0].partitions[0].committed_offset;
}

/* After a start the coordinators load: clients ask again. */
static int64_t fetch_loaded(struct client *c, const char *topic, int32_t partition)
{
    int64_t offset;
    do
        offset = fetch(c, topic, partition);
    while (offset == -2);
    return offset;
}

static void describe(struct client *c, char *text, size_t size)
{
    struct kw_describe_groups_request in;
    struct kw_describe_groups_response out;
    struct kb_slice id = kb_slice_str("g");
    kw_describe_groups_request_init(&in);
    in.groups = &id;
    in.groups_count = 1;
    ASK(c, KW_API_DESCRIBE_GROUPS, describe_groups, 5, &in, &out);
    snprintf(text, size, "%.*s %d", (int)out.groups[0].group_state.size,
             out.groups[0].group_state.data, out.groups[0].members_count);
}

/* ---- Tests ---- */

static void a_member_comes_and_goes(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct member a = {.generation = -1};
    char text[64];
    ask_create(c, "t", 2, NULL, NULL, 0);
    assert_int_equal(find_coordinator(c), 0);
    assert_int_equal(join(c, &a), 0);
    assert_int_equal(sync_all(c, &a), 0);
    assert_int_equal(heartbeat(c, &a), 0);
    assert_int_equal(commit(c, "t", &a, 1, 7), 0);
    assert_int_equal(fetch(c, "t", 1), 7);
    assert_int_equal(fetch(c, "t", 0), -1);
    assert_int_equal(commit(c, "t", &a, 2, 7), KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(commit(c, "other", &a, 0, 7), KB_E_UNKNOWN_TOPIC_OR_PARTITION);
    describe(c, text, sizeof text);
    assert_string_equal(text, "Stable 1");
    assert_int_equal(leave(c, &a), 0);
    describe(c, text, sizeof text);
    assert_string_equal(text, "Empty 0");
    assert_int_equal(fetch(c, "t", 1), 7);
}

static void a_join_waits_for_the_others(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client, other;
    struct member a = {.generation = -1}, b = a;
    client_dial(&other, rig->broker);
    find_coordinator(c);
    join(c, &a);
    sync_all(c, &a);
    send_join(&other, &b);
    assert_int_equal(hear_join(&other, &b), KB_E_MEMBER_ID_REQUIRED);
    send_join(&other, &b);
    while (heartbeat(c, &a) == KB_OK) /* until the other's request is there */
        ;
    assert_int_equal(join(c, &a), 0);
    assert_int_equal(hear_join(&other, &b), 0);
    assert_int_equal(a.generation, 2);
    assert_int_equal(b.generation, 2);
    client_hang_up(&other);
}

/* Who hangs up in its first join is not waited for. */
static void a_join_is_hung_up(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client, other;
    struct member a = {.generation = -1}, b = a;
    client_dial(&other, rig->broker);
    find_coordinator(c);
    join(c, &a);
    sync_all(c, &a);
    send_join(&other, &b);
    hear_join(&other, &b);
    send_join(&other, &b);
    while (heartbeat(c, &a) == KB_OK)
        ;
    client_hang_up(&other);
    assert_int_equal(join(c, &a), 0);
    assert_int_equal(sync_all(c, &a), 0);
    assert_int_equal(heartbeat(c, &a), 0);
}

static void restart(struct rig *rig)
{
    client_hang_up(&rig->client);
    rig_end(rig->broker);
    start(rig);
}

static void groups_outlive_a_restart(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client;
    struct member a = {.generation = -1};
    ask_create(c, "t", 1, NULL, NULL, 0);
    find_coordinator(c);
    join(c, &a);
    sync_all(c, &a);
    commit(c, "t", &a, 0, 41);
    commit(c, "t", &a, 0, 42);
    restart(rig);
    assert_int_equal(fetch_loaded(c, "t", 0), 42);
    assert_int_equal(heartbeat(c, &a), 0); /* it has not noticed */
    assert_int_equal(commit(c, "t", &a, 0, 43), 0);
    assert_int_equal(leave(c, &a), 0);
}

static int delete_group(struct client *c)
{
    struct kw_delete_groups_request in;
    struct kw_delete_groups_response out;
    struct kb_slice id = kb_slice_str("g");
    kw_delete_groups_request_init(&in);
    in.groups_names = &id;
    in.groups_names_count = 1;
    ASK(c, KW_API_DELETE_GROUPS, delete_groups, 2, &in, &out);
    return out.results[0].error_code;
}

static int list(struct client *c, const char *filter)
{
    struct kw_list_groups_request in;
    struct kw_list_groups_response out;
    struct kb_slice only = kb_slice_str(filter);
    kw_list_groups_request_init(&in);
    in.states_filter = &only;
    in.states_filter_count = filter ? 1 : 0;
    ASK(c, KW_API_LIST_GROUPS, list_groups, 5, &in, &out);
    assert_int_equal(out.error_code, 0);
    return out.groups_count;
}

static void groups_are_listed_and_deleted(void **state)
{
    struct rig *rig = *state;
    struct client *c = &rig->client;
    struct member a = {.generation = -1};
    ask_create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(list(c, NULL), 0);
    assert_int_equal(delete_group(c), KB_E_NOT_COORDINATOR);
    find_coordinator(c);
    assert_int_equal(delete_group(c), KB_E_GROUP_ID_NOT_FOUND);
    join(c, &a);
    sync_all(c, &a);
    commit(c, "t", &a, 0, 1);
    assert_int_equal(list(c, NULL), 1);
    assert_int_equal(list(c, "stable"), 1);
    assert_int_equal(list(c, "Empty"), 0);
    assert_int_equal(delete_group(c), KB_E_NON_EMPTY_GROUP);
    leave(c, &a);
    assert_int_equal(delete_group(c), 0);
    assert_int_equal(list(c, NULL), 0);
    assert_int_equal(fetch(c, "t", 0), -1);
    restart(rig);
    assert_int_equal(fetch_loaded(c, "t", 0), -1);
    assert_int_equal(list(c, NULL), 0);
}

static void offsets_are_deleted(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_offset_delete_request in;
    struct kw_offset_delete_response out;
    struct kw_offset_delete_request_topic t;
    struct kw_offset_delete_request_partition p;
    kw_offset_delete_request_init(&in);
    kw_offset_delete_request_topic_init(&t);
    kw_offset_delete_request_partition_init(&p);
    t.name = kb_slice_str("t");
    t.partitions = &p;
    t.partitions_count = 1;
    in.group_id = kb_slice_str("g");
    in.topics = &t;
    in.topics_count = 1;
    ask_create(c, "t", 1, NULL, NULL, 0);
    find_coordinator(c);
    ASK(c, KW_API_OFFSET_DELETE, offset_delete, 0, &in, &out);
    assert_int_equal(out.error_code, KB_E_GROUP_ID_NOT_FOUND);
    commit(c, "t", NULL, 0, 5);
    ASK(c, KW_API_OFFSET_DELETE, offset_delete, 0, &in, &out);
    assert_int_equal(out.error_code, 0);
    assert_int_equal(out.topics[0].partitions[0].error_code, 0);
    assert_int_equal(fetch(c, "t", 0), -1);
}

static int delete_topic(struct client *c, const char *name)
{
    struct kw_delete_topics_request in;
    struct kw_delete_topics_response out;
    struct kb_slice topic = kb_slice_str(name);
    kw_delete_topics_request_init(&in);
    in.topic_names = &topic;
    in.topic_names_count = 1;
    ASK(c, KW_API_DELETE_TOPICS, delete_topics, 5, &in, &out);
    return out.responses[0].error_code;
}

static void a_deleted_topic_takes_its_offsets_along(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    ask_create(c, "t", 1, NULL, NULL, 0);
    find_coordinator(c);
    commit(c, "t", NULL, 0, 5);
    assert_int_equal(delete_topic(c, "t"), 0);
    ask_create(c, "t", 1, NULL, NULL, 0);
    assert_int_equal(fetch(c, "t", 0), -1);
    assert_int_equal(delete_topic(c, KD_GROUP_TOPIC), KB_E_INVALID_REQUEST);
}

/* Where there is no coordinator, nobody must take it that nothing is committed. */
static void an_error_is_told_in_every_version(void **state)
{
    struct client *c = &((struct rig *)*state)->client;
    struct kw_offset_fetch_response out;
    for (int16_t version = 1; version <= 7; version++) {
        fetch_by(c, version, "t", 3, &out);
        assert_int_equal(out.topics_count, version < 2);
        if (version >= 2)
            assert_int_equal(out.error_code, KB_E_NOT_COORDINATOR);
        else
            assert_int_equal(out.topics[0].partitions[0].error_code, KB_E_NOT_COORDINATOR);
    }
}

/* Java's own results. */
static void groups_have_kafkas_partitions(void **state)
{
    (void)state;
    assert_int_equal(kd_coordinator_partition(kb_slice_str(""), 50), 0);
    assert_int_equal(kd_coordinator_partition(kb_slice_str("g"), 50), 3);
    assert_int_equal(kd_coordinator_partition(kb_slice_str("my-group"), 50), 12);
    assert_int_equal(kd_coordinator_partition(kb_slice_str("polygenelubricants"), 50),
                     0); /* MIN_VALUE */
    assert_int_equal(kd_coordinator_partition(kb_slice_str("gr\xc3\xbc\xc3\x9f"
                                                           "e"),
                                              50),
                     23);
    assert_int_equal(kd_coordinator_partition(kb_slice_str("\xf0\x9f\x98\x80"), 50), 49);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_member_comes_and_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_join_waits_for_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_join_is_hung_up, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_outlive_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_are_listed_and_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(offsets_are_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_topic_takes_its_offsets_along, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_is_told_in_every_version, setup, teardown),
        cmocka_unit_test(groups_have_kafkas_partitions),
    };
    return cmocka_run_group_tests_name("group requests", tests, NULL, NULL);
}
