/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of groups against two brokers on a simulated network: which
 * coordinator is asked what, in which version, and what becomes of the answers.
 * The last character of a group's name is the broker that coordinates it, the first
 * its kind: c classic, k of KIP-848, x none at all. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "libclient/admin/admin.h"
#include "tests/unit/client/fake.h"
#include "wire/gen/consumer_group_describe.h"
#include "wire/gen/consumer_protocol_assignment.h"
#include "wire/gen/consumer_protocol_subscription.h"
#include "wire/gen/delete_groups.h"
#include "wire/gen/describe_groups.h"
#include "wire/gen/find_coordinator.h"
#include "wire/gen/leave_group.h"
#include "wire/gen/list_groups.h"
#include "wire/gen/offset_commit.h"
#include "wire/gen/offset_delete.h"
#include "wire/gen/offset_fetch.h"
#include "wire/reader.h"
#include "wire/writer.h"
#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 5000, TOLD_AS_ALWAYS = -2 };

struct world {
    struct fake_world net;
    kurier_client *client;
    int asked[KW_API_KEY_END];
    int16_t max[KW_API_KEY_END]; /* version told; -1: not at all */
    int refusals;                /* so many groups are answered with .code instead */
    int16_t code;
    int16_t refused_key;
    char saw[1024]; /* what the fakes noted of requests */
};

/* ---- The brokers' side ----------------------------------------------------------------*/

#define NOTE(w, ...)                                                                               \
    snprintf((w)->saw + strlen((w)->saw), sizeof(w)->saw - strlen((w)->saw), __VA_ARGS__)
#define SAY(slice) (int)(slice).size, (const char *)(slice).data

#define RESPOND(message)                                                                           \
    kw_##message##_response_init(&response);                                                       \
    assert_true(kw_##message##_request_decode(body, version, arena, &request))

#define ARRAY(field, n)                                                                            \
    ((field##_count) = (int32_t)(n),                                                               \
     (field) = kb_arena_array(arena, (size_t)(n) + 1, sizeof *(field)))

typedef bool answer_fn(struct world *w, int broker, int16_t version, struct kw_reader *body,
                       struct kb_arena *arena, struct kw_writer *out);

static bool is_kind(struct kb_slice group, char kind)
{
    return group.size && group.data[0] == kind;
}

static int32_t coordinator_of(struct kb_slice group)
{
    return group.size ? group.data[group.size - 1] - '0' : -1;
}

static int16_t refusal(struct world *w, int16_t key)
{
    return key == w->refused_key && w->refusals > 0 ? (w->refusals--, w->code) : (int16_t)0;
}

static bool find_coordinator(struct world *w, int broker, int16_t version, struct kw_reader *body,
                             struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_find_coordinator_request request;
    struct kw_find_coordinator_response response;
    (void)broker;
    RESPOND(find_coordinator);
    NOTE(w, "find%s", version < 4 ? " " : "");
    if (version < 4) {
        NOTE(w, "%.*s; ", SAY(request.key));
        response.error_code = refusal(w, KW_API_FIND_COORDINATOR);
        response.node_id = response.error_code ? -1 : coordinator_of(request.key);
        response.host = kb_slice_str("");
        return kw_find_coordinator_response_encode(out, version, &response);
    }
    ARRAY(response.coordinators, request.coordinator_keys_count);
    for (int32_t i = 0; i < request.coordinator_keys_count; i++) {
        struct kw_find_coordinator_response_coordinator *c = &response.coordinators[i];
        kw_find_coordinator_response_coordinator_init(c);
        c->key = request.coordinator_keys[i];
        c->error_code = refusal(w, KW_API_FIND_COORDINATOR);
        c->node_id = c->error_code ? -1 : coordinator_of(c->key);
        NOTE(w, " %.*s", SAY(c->key));
    }
    NOTE(w, "; ");
    return kw_find_coordinator_response_encode(out, version, &response);
}

/* Broker 1 has "c1" and "k1", broker 2 has "c2"; both still know "both". */
static bool list_groups(struct world *w, int broker, int16_t version, struct kw_reader *body,
                        struct kb_arena *arena, struct kw_writer *out)
{
    static const char *const names[2][3] = {{"k1", "c1", "both"}, {"c2", "both", NULL}};
    struct kw_list_groups_request request;
    struct kw_list_groups_response response;
    RESPOND(list_groups);
    for (int32_t i = 0; i < request.states_filter_count; i++)
        NOTE(w, "%.*s ", SAY(request.states_filter[i]));
    for (int32_t i = 0; i < request.types_filter_count; i++)
        NOTE(w, "%.*s ", SAY(request.types_filter[i]));
    response.error_code = refusal(w, KW_API_LIST_GROUPS);
    ARRAY(response.groups, response.error_code ? 0 : broker ? 2 : 3);
    for (int32_t i = 0; i < response.groups_count; i++) {
        struct kw_list_groups_response_group *g = &response.groups[i];
        kw_list_groups_response_group_init(g);
        g->group_id = kb_slice_str(names[broker][i]);
        g->protocol_type = kb_slice_str("consumer");
        g->group_state = kb_slice_str("Stable");
        g->group_type = kb_slice_str(is_kind(g->group_id, 'k') ? "consumer" : "classic");
    }
    return kw_list_groups_response_encode(out, version, &response);
}

static struct kb_slice bytes_of(struct kw_writer *writer, struct kb_arena *arena)
{
    struct kb_buf *buf = kw_writer_take(writer);
    struct kb_slice view = kb_buf_view(buf);
    uint8_t *copy = memcpy(kb_arena_alloc(arena, view.size), view.data, view.size);
    kb_buf_unref(buf);
    kw_writer_deinit(writer);
    return kb_slice_of(copy, view.size);
}

/* Version 7 is none that we know; it begins as version 3 does. */
static struct kb_slice subscription(struct kb_arena *arena)
{
    struct kb_slice topics[] = {kb_slice_str("t"), kb_slice_str("s")};
    struct kw_consumer_protocol_subscription m;
    struct kw_writer out;
    kw_writer_init(&out, 1000);
    kw_consumer_protocol_subscription_init(&m);
    m.topics = topics;
    m.topics_count = 2;
    m.rack_id = kb_slice_str("west");
    kw_write_i16(&out, 7);
    assert_true(kw_consumer_protocol_subscription_encode(&out, 3, &m));
    kw_write_i32(&out, 99);
    return bytes_of(&out, arena);
}

static struct kb_slice assignment(struct kb_arena *arena)
{
    int32_t t[] = {2, 0}, s[] = {1};
    struct kw_consumer_protocol_assignment_topic topics[] = {{kb_slice_str("t"), t, 2},
                                                             {kb_slice_str("s"), s, 1}};
    struct kw_consumer_protocol_assignment m;
    struct kw_writer out;
    kw_writer_init(&out, 1000);
    kw_consumer_protocol_assignment_init(&m);
    m.assigned_partitions = topics;
    m.assigned_partitions_count = 2;
    kw_write_i16(&out, 0);
    assert_true(kw_consumer_protocol_assignment_encode(&out, 0, &m));
    return bytes_of(&out, arena);
}

/* Two members, not in order; of "cother" their bytes are those of another protocol. */
static void tell_members(struct kw_describe_groups_response_group *g, struct kb_arena *arena)
{
    bool consumers = kb_slice_is(g->protocol_type, "consumer");
    ARRAY(g->members, 2);
    for (int32_t i = 0; i < 2; i++) {
        kw_describe_groups_response_member_init(&g->members[i]);
        g->members[i].member_id = kb_slice_str(i ? "member-a" : "member-b");
        g->members[i].group_instance_id = i ? kb_slice_null() : kb_slice_str("static");
        g->members[i].client_id = kb_slice_str("app");
        g->members[i].client_host = kb_slice_str("/10.0.0.1");
        g->members[i].member_metadata = consumers ? subscription(arena) : kb_slice_str("what");
        g->members[i].member_assignment = i ? kb_slice_of("", 0) : assignment(arena);
    }
}

static bool describe_groups(struct world *w, int broker, int16_t version, struct kw_reader *body,
                            struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_describe_groups_request request;
    struct kw_describe_groups_response response;
    RESPOND(describe_groups);
    NOTE(w, "%d: classic", broker + 1);
    ARRAY(response.groups, request.groups_count);
    for (int32_t i = 0; i < request.groups_count; i++) {
        struct kw_describe_groups_response_group *g = &response.groups[i];
        kw_describe_groups_response_group_init(g);
        NOTE(w, " %.*s", SAY(request.groups[i]));
        g->group_id = request.groups[i];
        g->error_code = refusal(w, KW_API_DESCRIBE_GROUPS);
        g->error_message = g->error_code ? kb_slice_str("not I") : kb_slice_null();
        g->group_state = kb_slice_str(is_kind(g->group_id, 'x') ? "Dead" : "Stable");
        g->protocol_type = kb_slice_str(g->group_id.size > 2 ? "connect" : "consumer");
        g->protocol_data = kb_slice_str("range");
        g->authorized_operations = request.include_authorized_operations ? 12 : INT32_MIN;
        tell_members(g, arena);
    }
    NOTE(w, "; ");
    return kw_describe_groups_response_encode(out, version, &response);
}

static void tell_consumer(struct kw_consumer_group_describe_response_group *g,
                          struct kb_arena *arena)
{
    struct kw_consumer_group_describe_response_member *m;
    g->group_state = kb_slice_str("Reconciling");
    g->assignor_name = kb_slice_str("uniform");
    g->group_epoch = 7;
    g->assignment_epoch = 6;
    ARRAY(g->members, 1);
    m = &g->members[0];
    kw_consumer_group_describe_response_member_init(m);
    m->member_id = kb_slice_str("id");
    m->client_id = kb_slice_str("app");
    m->client_host = kb_slice_str("/10.0.0.1");
    m->member_epoch = 5;
    m->member_type = 1;
    m->subscribed_topic_regex = kb_slice_str("t.*");
    ARRAY(m->assignment.topic_partitions, 1);
    kw_consumer_group_describe_response_topic_init(&m->assignment.topic_partitions[0]);
    m->assignment.topic_partitions[0].topic_name = kb_slice_str("t");
    ARRAY(m->assignment.topic_partitions[0].partitions, 2);
    m->assignment.topic_partitions[0].partitions[0] = 3;
    m->assignment.topic_partitions[0].partitions[1] = 1;
}

static bool describe_consumers(struct world *w, int broker, int16_t version, struct kw_reader *body,
                               struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_consumer_group_describe_request request;
    struct kw_consumer_group_describe_response response;
    RESPOND(consumer_group_describe);
    NOTE(w, "%d: consumer", broker + 1);
    ARRAY(response.groups, request.group_ids_count);
    for (int32_t i = 0; i < request.group_ids_count; i++) {
        struct kw_consumer_group_describe_response_group *g = &response.groups[i];
        kw_consumer_group_describe_response_group_init(g);
        NOTE(w, " %.*s", SAY(request.group_ids[i]));
        g->group_id = request.group_ids[i];
        g->error_code = refusal(w, KW_API_CONSUMER_GROUP_DESCRIBE);
        if (!is_kind(g->group_id, 'k'))
            g->error_code = KB_E_GROUP_ID_NOT_FOUND;
        if (!g->error_code)
            tell_consumer(g, arena);
    }
    NOTE(w, "; ");
    return kw_consumer_group_describe_response_encode(out, version, &response);
}

/* Partition p of topic "t" is at 10 * p, "meta"; nothing else is known. */
static void tell_offset(struct kw_offset_fetch_response_group_topic_partition *p, bool known,
                        int32_t partition, int16_t code)
{
    p->partition_index = partition;
    p->committed_offset = known && !code ? 10 * partition : -1;
    p->committed_leader_epoch = known ? 4 : -1;
    p->metadata = kb_slice_str(known ? "meta" : "");
    p->error_code = code;
}

static bool fetch_old(struct world *w, int16_t version,
                      const struct kw_offset_fetch_request *request, struct kb_arena *arena,
                      struct kw_offset_fetch_response *response, struct kw_writer *out)
{
    bool all = request->topics_count < 0;
    NOTE(w, "%.*s %d; ", SAY(request->group_id), request->topics_count);
    ARRAY(response->topics, all ? 1 : request->topics_count);
    for (int32_t i = 0; i < response->topics_count; i++) {
        response->topics[i].name = all ? kb_slice_str("t") : request->topics[i].name;
        ARRAY(response->topics[i].partitions, all ? 2 : request->topics[i].partition_indexes_count);
        for (int32_t k = 0; k < response->topics[i].partitions_count; k++) {
            struct kw_offset_fetch_response_group_topic_partition told;
            struct kw_offset_fetch_response_partition *p = &response->topics[i].partitions[k];
            tell_offset(&told, kb_slice_is(response->topics[i].name, "t"),
                        all ? k : request->topics[i].partition_indexes[k],
                        refusal(w, KW_API_OFFSET_FETCH));
            *p = (struct kw_offset_fetch_response_partition){
                told.partition_index, told.committed_offset, told.committed_leader_epoch,
                told.metadata, told.error_code};
        }
    }
    return kw_offset_fetch_response_encode(out, version, response);
}

static bool offset_fetch(struct world *w, int broker, int16_t version, struct kw_reader *body,
                         struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_offset_fetch_request request;
    struct kw_offset_fetch_response response;
    RESPOND(offset_fetch);
    NOTE(w, "%d: v%d%s ", broker + 1, version, request.require_stable ? " stable" : "");
    if (version < 8)
        return fetch_old(w, version, &request, arena, &response, out);
    ARRAY(response.groups, request.groups_count);
    for (int32_t i = 0; i < request.groups_count; i++) {
        const struct kw_offset_fetch_request_group *from = &request.groups[i];
        struct kw_offset_fetch_response_group *to = &response.groups[i];
        bool all = from->topics_count < 0;
        kw_offset_fetch_response_group_init(to);
        to->group_id = from->group_id;
        NOTE(w, "%.*s %d; ", SAY(from->group_id), from->topics_count);
        ARRAY(to->topics, all ? 1 : from->topics_count);
        for (int32_t k = 0; k < to->topics_count; k++) {
            to->topics[k].name = all ? kb_slice_str("t") : from->topics[k].name;
            ARRAY(to->topics[k].partitions, all ? 2 : from->topics[k].partition_indexes_count);
            for (int32_t n = 0; n < to->topics[k].partitions_count; n++)
                tell_offset(&to->topics[k].partitions[n], kb_slice_is(to->topics[k].name, "t"),
                            all ? 1 - n : from->topics[k].partition_indexes[n],
                            refusal(w, KW_API_OFFSET_FETCH));
        }
    }
    return kw_offset_fetch_response_encode(out, version, &response);
}

static bool offset_commit(struct world *w, int broker, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_offset_commit_request request;
    struct kw_offset_commit_response response;
    RESPOND(offset_commit);
    NOTE(w, "%d: %.*s as %d \"%.*s\"", broker + 1, SAY(request.group_id),
         request.generation_id_or_member_epoch, SAY(request.member_id));
    ARRAY(response.topics, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        response.topics[i].name = request.topics[i].name;
        ARRAY(response.topics[i].partitions, request.topics[i].partitions_count);
        for (int32_t k = 0; k < request.topics[i].partitions_count; k++) {
            const struct kw_offset_commit_request_partition *p = &request.topics[i].partitions[k];
            NOTE(w, ", %.*s/%d %lld/%d \"%.*s\"", SAY(request.topics[i].name), p->partition_index,
                 (long long)p->committed_offset, p->committed_leader_epoch,
                 SAY(p->committed_metadata));
            response.topics[i].partitions[k].partition_index = p->partition_index;
            response.topics[i].partitions[k].error_code = refusal(w, KW_API_OFFSET_COMMIT);
        }
    }
    NOTE(w, "; ");
    return kw_offset_commit_response_encode(out, version, &response);
}

static bool offset_delete(struct world *w, int broker, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_offset_delete_request request;
    struct kw_offset_delete_response response;
    RESPOND(offset_delete);
    NOTE(w, "%d: %.*s; ", broker + 1, SAY(request.group_id));
    response.error_code = refusal(w, KW_API_OFFSET_DELETE);
    ARRAY(response.topics, response.error_code ? 0 : request.topics_count);
    for (int32_t i = 0; i < response.topics_count; i++) {
        response.topics[i].name = request.topics[i].name;
        ARRAY(response.topics[i].partitions, request.topics[i].partitions_count);
        for (int32_t k = 0; k < request.topics[i].partitions_count; k++) {
            int32_t partition = request.topics[i].partitions[k].partition_index;
            response.topics[i].partitions[k].partition_index = partition;
            response.topics[i].partitions[k].error_code =
                partition == 9 ? KB_E_GROUP_SUBSCRIBED_TO_TOPIC : 0;
        }
    }
    return kw_offset_delete_response_encode(out, version, &response);
}

static bool delete_groups(struct world *w, int broker, int16_t version, struct kw_reader *body,
                          struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_delete_groups_request request;
    struct kw_delete_groups_response response;
    RESPOND(delete_groups);
    NOTE(w, "%d:", broker + 1);
    ARRAY(response.results, request.groups_names_count);
    for (int32_t i = 0; i < request.groups_names_count; i++) {
        NOTE(w, " %.*s", SAY(request.groups_names[i]));
        response.results[i].group_id = request.groups_names[i];
        response.results[i].error_code = refusal(w, KW_API_DELETE_GROUPS);
        if (is_kind(request.groups_names[i], 'k'))
            response.results[i].error_code = KB_E_NON_EMPTY_GROUP;
    }
    NOTE(w, "; ");
    return kw_delete_groups_response_encode(out, version, &response);
}

static bool leave_group(struct world *w, int broker, int16_t version, struct kw_reader *body,
                        struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_leave_group_request request;
    struct kw_leave_group_response response;
    RESPOND(leave_group);
    NOTE(w, "%d: %.*s", broker + 1, SAY(request.group_id));
    response.error_code = refusal(w, KW_API_LEAVE_GROUP);
    ARRAY(response.members, response.error_code ? 0 : request.members_count);
    for (int32_t i = 0; i < request.members_count; i++)
        NOTE(w, " %.*s/%.*s", SAY(request.members[i].member_id),
             SAY(request.members[i].group_instance_id));
    for (int32_t i = 0; i < response.members_count; i++) {
        response.members[i].member_id = request.members[i].member_id;
        response.members[i].group_instance_id = request.members[i].group_instance_id;
        response.members[i].error_code =
            kb_slice_is(request.members[i].group_instance_id, "gone") ? KB_E_UNKNOWN_MEMBER_ID : 0;
    }
    NOTE(w, "; ");
    return kw_leave_group_response_encode(out, version, &response);
}

static answer_fn *const answers[KW_API_KEY_END] = {
    [KW_API_FIND_COORDINATOR] = find_coordinator,
    [KW_API_LIST_GROUPS] = list_groups,
    [KW_API_DESCRIBE_GROUPS] = describe_groups,
    [KW_API_CONSUMER_GROUP_DESCRIBE] = describe_consumers,
    [KW_API_OFFSET_FETCH] = offset_fetch,
    [KW_API_OFFSET_COMMIT] = offset_commit,
    [KW_API_OFFSET_DELETE] = offset_delete,
    [KW_API_DELETE_GROUPS] = delete_groups,
    [KW_API_LEAVE_GROUP] = leave_group,
};

static bool answer(struct fake *fake, int16_t key, int16_t version, struct kw_reader *body,
                   struct kb_arena *arena, struct kw_writer *out)
{
    struct world *w = fake->owner;
    w->asked[key]++;
    return answers[key] && answers[key](w, (int)(fake - w->net.fakes), version, body, arena, out);
}

static int16_t told_version(struct fake *fake, int16_t key)
{
    const struct world *w = fake->owner;
    return w->max[key] == TOLD_AS_ALWAYS ? kw_api_find(key)->max_version : w->max[key];
}

/* ---- The client's side ------------------------------------------------------------------*/

static void open_client(struct world *w)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", "kafka1:9092");
    kurier_config_set(config, "log.sink", "events");
    w->client = kurier_client_new(w->net.runtime, config, NULL);
    kurier_config_free(config);
    assert_non_null(w->client);
}

static int setup(void **state)
{
    static const char *const nodes[] = {"kafka1", "kafka2"};
    struct world *w = kb_calloc(1, sizeof *w);
    fake_world_init(&w->net, 31);
    for (int i = 0; i < KW_API_KEY_END; i++)
        w->max[i] = TOLD_AS_ALWAYS;
    for (int i = 0; i < 2; i++) {
        struct fake *fake = fake_world_add(&w->net, nodes[i], nodes[i]);
        fake->owner = w;
        fake->answer = answer;
        fake->versions = told_version;
    }
    open_client(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    kurier_client_free(w->client);
    fake_world_deinit(&w->net);
    kb_free(w);
    return 0;
}

static kurier_result *run(struct world *w, kurier_request *request, size_t count)
{
    kurier_error err;
    w->saw[0] = 0;
    kurier_result *result = kurier_admin_run(w->client, request, TIMEOUT_MS, &err);
    if (!result)
        fail_msg("%s", err.text);
    assert_int_equal(kurier_result_count(result), count);
    return result;
}

static void refuse(struct world *w, int16_t key, int times, int16_t code)
{
    w->refused_key = key;
    w->refusals = times;
    w->code = code;
}

/* The next of saw, whatever stood before it. */
static void saw(struct world *w, const char *words)
{
    if (!strstr(w->saw, words))
        fail_msg("\"%s\" has no \"%s\"", w->saw, words);
}

/* ---- Listing --------------------------------------------------------------------------------*/

static void groups_of_all_brokers_are_listed_once(void **state)
{
    static const char *const names[] = {"both", "c1", "c2", "k1"};
    struct world *w = *state;
    kurier_result *result = run(w, kurier_admin_list_groups(NULL, NULL), 4);
    assert_int_equal(kurier_result_kind(result), KURIER_ITEM_GROUP);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(kurier_result_item(result, i)->name, names[i]);
    assert_string_equal(kurier_result_group(result, 3)->type, "consumer");
    assert_string_equal(kurier_result_group(result, 2)->state, "Stable");
    assert_int_equal(kurier_result_group(result, 2)->coordinator, 2);
    assert_int_equal(w->asked[KW_API_FIND_COORDINATOR], 0);
    kurier_result_free(result);
}

static void or_those_of_a_state_and_type(void **state)
{
    static const char *const states[] = {"Stable", "Empty", NULL}, *const types[] = {"x", NULL};
    struct world *w = *state;
    kurier_error err;
    kurier_result_free(run(w, kurier_admin_list_groups(states, types), 4));
    assert_string_equal(w->saw, "Stable Empty x Stable Empty x ");
    w->max[KW_API_LIST_GROUPS] = 4;
    kurier_client_free(w->client); /* what a broker speaks is asked per connection */
    open_client(w);
    assert_null(kurier_admin_run(w->client, kurier_admin_list_groups(NULL, types), 1000, &err));
    assert_int_equal(err.code, KURIER_E_UNSUPPORTED);
    kurier_result_free(run(w, kurier_admin_list_groups(states, NULL), 4));
}

static void a_coordinator_that_loads_lists_later(void **state)
{
    struct world *w = *state;
    refuse(w, KW_API_LIST_GROUPS, 1, KB_E_COORDINATOR_LOAD_IN_PROGRESS);
    kurier_result_free(run(w, kurier_admin_list_groups(NULL, NULL), 4));
    assert_int_equal(w->asked[KW_API_LIST_GROUPS], 4); /* both, again */
}

static void half_a_list_is_none(void **state)
{
    struct world *w = *state;
    kurier_error err;
    refuse(w, KW_API_LIST_GROUPS, 1, KB_E_CLUSTER_AUTHORIZATION_FAILED);
    assert_null(kurier_admin_run(w->client, kurier_admin_list_groups(NULL, NULL), 1000, &err));
    assert_int_equal(err.code, KB_E_CLUSTER_AUTHORIZATION_FAILED);
    assert_non_null(strstr(err.text, "ListGroups"));
}

/* ---- Describing -----------------------------------------------------------------------------*/

static void check_classic(const kurier_group_info *group)
{
    assert_string_equal(group->type, "classic");
    assert_string_equal(group->state, "Stable");
    assert_string_equal(group->assignor, "range");
    assert_int_equal(group->epoch, -1);
    assert_int_equal(group->member_count, 2);
    const kurier_group_member *a = &group->members[0], *b = &group->members[1];
    assert_string_equal(a->id, "member-a"); /* sorted */
    assert_null(a->instance);
    assert_int_equal(a->assigned_count, 0);
    assert_string_equal(b->instance, "static");
    assert_string_equal(b->host, "/10.0.0.1");
    assert_string_equal(b->rack, "west");
    assert_int_equal(b->topic_count, 2);
    assert_string_equal(b->topics[1], "s");
    assert_int_equal(b->assigned_count, 3);
    assert_string_equal(b->assigned[0].topic, "s");
    assert_int_equal(b->assigned[1].partition, 0);
    assert_int_equal(b->assigned[2].partition, 2);
    assert_true(b->classic);
    assert_true(b->assignment.size > 10);
}

static void check_consumer(const kurier_group_info *group)
{
    assert_string_equal(group->type, "consumer");
    assert_string_equal(group->state, "Reconciling");
    assert_string_equal(group->assignor, "uniform");
    assert_int_equal(group->epoch, 7);
    assert_int_equal(group->assignment_epoch, 6);
    assert_int_equal(group->member_count, 1);
    assert_int_equal(group->members[0].epoch, 5);
    assert_false(group->members[0].classic);
    assert_string_equal(group->members[0].regex, "t.*");
    assert_int_equal(group->members[0].assigned_count, 2);
    assert_int_equal(group->members[0].assigned[0].partition, 1);
    assert_int_equal(group->members[0].target_count, 0);
}

static void groups_of_both_protocols_are_described(void **state)
{
    static const char *const names[] = {"k2", "x1", "c1", "cother2"};
    struct world *w = *state;
    kurier_result *result = run(
        w, kurier_request_with(kurier_admin_describe_groups(names, 4), KURIER_WITH_OPERATIONS), 4);
    saw(w, "find c1 cother2 k2 x1; ");
    saw(w, "1: consumer c1 x1; ");
    saw(w, "2: consumer cother2 k2; ");
    saw(w, "1: classic c1 x1; ");
    saw(w, "2: classic cother2; ");
    check_consumer(kurier_result_group(result, 0));
    assert_int_equal(kurier_result_group(result, 0)->coordinator, 2);
    assert_int_equal(kurier_result_group(result, 1)->code, KB_E_GROUP_ID_NOT_FOUND);
    check_classic(kurier_result_group(result, 2));
    assert_int_equal(kurier_result_group(result, 2)->operations, 12);
    const kurier_group_info *other = kurier_result_group(result, 3);
    assert_string_equal(other->protocol_type, "connect");
    assert_int_equal(other->members[0].topic_count, 0);
    assert_memory_equal(other->members[0].metadata.data, "what", 4);
    kurier_result_free(result);
}

static void or_by_an_older_broker(void **state)
{
    static const char *const names[] = {"c1", "c2"};
    struct world *w = *state;
    w->max[KW_API_CONSUMER_GROUP_DESCRIBE] = -1;
    w->max[KW_API_DESCRIBE_GROUPS] = 2;
    w->max[KW_API_FIND_COORDINATOR] = 2;
    kurier_result *result = run(w, kurier_admin_describe_groups(names, 2), 2);
    saw(w, "find c1; find c2; "); /* one after the other */
    assert_string_equal(kurier_result_group(result, 1)->type, "classic");
    assert_null(kurier_result_group(result, 1)->members[1].instance); /* not told */
    kurier_result_free(result);
}

static void a_coordinator_that_moved_is_found_again(void **state)
{
    static const int16_t codes[] = {KB_E_NOT_COORDINATOR, KB_E_COORDINATOR_LOAD_IN_PROGRESS,
                                    KB_E_COORDINATOR_NOT_AVAILABLE};
    static const char *const names[] = {"k1", "k2", "c1"};
    struct world *w = *state;
    for (int i = 0; i < 3; i++) {
        int before = w->asked[KW_API_FIND_COORDINATOR];
        refuse(w, KW_API_CONSUMER_GROUP_DESCRIBE, 2, codes[i]);
        kurier_result *result = run(w, kurier_admin_describe_groups(names, 3), 3);
        assert_int_equal(kurier_result_error(result, NULL), KURIER_OK);
        assert_true(w->asked[KW_API_FIND_COORDINATOR] > before + 1);
        kurier_result_free(result);
    }
    refuse(w, KW_API_FIND_COORDINATOR, 3, KB_E_COORDINATOR_NOT_AVAILABLE);
    kurier_result *result = run(w, kurier_admin_describe_groups(names, 3), 3);
    assert_int_equal(kurier_result_error(result, NULL), KURIER_OK);
    kurier_result_free(result);
}

static void what_time_does_not_heal_is_told(void **state)
{
    static const char *const names[] = {"c1", "c2"};
    struct world *w = *state;
    kurier_error err;
    refuse(w, KW_API_FIND_COORDINATOR, 1, KB_E_GROUP_AUTHORIZATION_FAILED);
    kurier_result *result = run(w, kurier_admin_describe_groups(names, 2), 2);
    assert_int_equal(kurier_result_outcome(result, 0, NULL), KB_E_GROUP_AUTHORIZATION_FAILED);
    assert_int_equal(kurier_result_outcome(result, 1, NULL), KURIER_OK);
    kurier_result_free(result);
    refuse(w, KW_API_DESCRIBE_GROUPS, 1, KB_E_GROUP_AUTHORIZATION_FAILED);
    result = run(w, kurier_admin_describe_groups(names, 1), 1);
    assert_int_equal(kurier_result_error(result, &err), KB_E_GROUP_AUTHORIZATION_FAILED);
    assert_string_equal(err.text, "c1: not I");
    kurier_result_free(result);
}

/* ---- Offsets --------------------------------------------------------------------------------*/

static void check_offsets(const kurier_group_offsets_info *all,
                          const kurier_group_offsets_info *some)
{
    assert_int_equal(all->offset_count, 2);
    assert_int_equal(all->offsets[1].partition, 1); /* sorted */
    assert_int_equal(all->offsets[1].offset, 10);
    assert_string_equal(all->offsets[1].metadata, "meta");
    assert_int_equal(some->offset_count, 3);
    assert_string_equal(some->offsets[0].topic, "other");
    assert_int_equal(some->offsets[0].offset, -1);
    assert_null(some->offsets[0].metadata);
    assert_int_equal(some->offsets[2].partition, 5);
    assert_int_equal(some->offsets[2].offset, 50);
}

static void offsets_of_several_groups(void **state)
{
    static const int16_t versions[] = {9, 8, 7, 5, 3, 2};
    const kurier_position asked[] = {kurier_at("t", 5, 0), kurier_at("other", 0, 0),
                                     kurier_at("t", 4, 0)};
    const kurier_group_ref refs[] = {{.name = "c2"}, {"c1", asked, 3}, {.name = "k1"}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct world *w = *state;
        w->max[KW_API_OFFSET_FETCH] = versions[i];
        kurier_result *result = run(w, kurier_admin_list_group_offsets(refs, 3), 3);
        saw(w, versions[i] > 8 ? "1: v9 c1 2; k1 -1; " : "c1 2; ");
        saw(w, "c2 -1; ");
        check_offsets(kurier_result_group_offsets(result, 0),
                      kurier_result_group_offsets(result, 1));
        assert_int_equal(kurier_result_group_offsets(result, 2)->offset_count, 2);
        assert_int_equal(kurier_result_group_offsets(result, 2)->offsets[0].leader_epoch,
                         versions[i] >= 5 ? 4 : -1);
        kurier_result_free(result);
        teardown(state);
        setup(state);
    }
}

static void an_open_transaction_is_waited_for(void **state)
{
    const kurier_group_ref ref = {.name = "c2"};
    struct world *w = *state;
    refuse(w, KW_API_OFFSET_FETCH, 1, KB_E_UNSTABLE_OFFSET_COMMIT);
    kurier_request *request = kurier_admin_list_group_offsets(&ref, 1);
    kurier_result *result = run(w, kurier_request_with(request, KURIER_READ_COMMITTED), 1);
    saw(w, "2: v9 stable c2 -1; ");
    assert_int_equal(w->asked[KW_API_OFFSET_FETCH], 2);
    assert_int_equal(kurier_result_group_offsets(result, 0)->offsets[0].offset, 0);
    kurier_result_free(result);
}

static void offsets_are_committed_for_nobody(void **state)
{
    const kurier_group_offset offsets[] = {
        {.topic = "t", .partition = 1, .offset = 7, .leader_epoch = 3, .metadata = "why"},
        {.topic = "s", .partition = 0, .offset = 0},
        {.topic = "t", .partition = 0, .offset = 9},
    };
    struct world *w = *state;
    kurier_error err;
    kurier_result *result = run(w, kurier_admin_alter_group_offsets("c2", offsets, 3), 3);
    saw(w, "find c2; 2: c2 as -1 \"\", s/0 0/-1 \"\", t/0 9/-1 \"\", t/1 7/3 \"why\"; ");
    assert_string_equal(kurier_result_item(result, 1)->name, "s");
    kurier_result_free(result);
    refuse(w, KW_API_OFFSET_COMMIT, 3, KB_E_UNKNOWN_MEMBER_ID);
    result = run(w, kurier_admin_alter_group_offsets("c2", offsets, 3), 3);
    assert_int_equal(kurier_result_outcome(result, 2, &err), KB_E_UNKNOWN_MEMBER_ID);
    assert_string_equal(err.text, "t [0]: the group has members; stop them first");
    kurier_result_free(result);
}

static void offsets_are_deleted(void **state)
{
    const kurier_position positions[] = {kurier_at("t", 9, 0), kurier_at("t", 0, 0)};
    struct world *w = *state;
    refuse(w, KW_API_OFFSET_DELETE, 1, KB_E_NOT_COORDINATOR);
    kurier_result *result = run(w, kurier_admin_delete_group_offsets("c1", positions, 2), 2);
    assert_int_equal(kurier_result_item(result, 0)->code, KB_E_GROUP_SUBSCRIBED_TO_TOPIC);
    assert_int_equal(kurier_result_item(result, 1)->code, KURIER_OK);
    kurier_result_free(result);
    refuse(w, KW_API_OFFSET_DELETE, 1, KB_E_NON_EMPTY_GROUP);
    result = run(w, kurier_admin_delete_group_offsets("c1", positions, 2), 2);
    assert_int_equal(kurier_result_item(result, 1)->code, KB_E_NON_EMPTY_GROUP);
    kurier_result_free(result);
}

/* ---- Deleting and removing ------------------------------------------------------------------*/

static void groups_are_deleted_by_their_coordinators(void **state)
{
    static const char *const names[] = {"c2", "k1", "c1"};
    struct world *w = *state;
    refuse(w, KW_API_DELETE_GROUPS, 1, KB_E_NOT_COORDINATOR);
    kurier_result *result = run(w, kurier_admin_delete_groups(names, 3), 3);
    assert_int_equal(kurier_result_item(result, 0)->code, KURIER_OK);
    assert_int_equal(kurier_result_item(result, 1)->code, KB_E_NON_EMPTY_GROUP);
    assert_int_equal(kurier_result_item(result, 2)->code, KURIER_OK);
    kurier_result_free(result);
}

static void members_are_removed(void **state)
{
    static const char *const names[] = {"one", "gone"};
    struct world *w = *state;
    kurier_error err;
    refuse(w, KW_API_LEAVE_GROUP, 1, KB_E_COORDINATOR_LOAD_IN_PROGRESS);
    kurier_result *result = run(w, kurier_admin_remove_members("c1", names, 2), 2);
    saw(w, "1: c1 /gone /one; ");
    assert_int_equal(kurier_result_item(result, 0)->code, KURIER_OK);
    assert_int_equal(kurier_result_item(result, 1)->code, KB_E_UNKNOWN_MEMBER_ID);
    kurier_result_free(result);
    kurier_request *request = kurier_admin_remove_members("c1", names, 2);
    result = run(w, kurier_request_with(request, KURIER_BY_ID), 2);
    saw(w, "1: c1 gone/ one/; ");
    assert_int_equal(kurier_result_error(result, NULL), KURIER_OK);
    kurier_result_free(result);
    request = kurier_admin_remove_members(NULL, names, 2);
    assert_null(kurier_admin_run(w->client, request, 1000, &err));
    assert_int_equal(err.code, KURIER_E_INVALID_ARGUMENT);
}

static void what_makes_no_sense_is_refused(void **state)
{
    const kurier_group_offset offset = {.topic = "t", .partition = 1, .offset = -1};
    const kurier_position none = kurier_at(NULL, 0, 0);
    const kurier_group_ref ref = {"c1", &none, 1};
    struct world *w = *state;
    kurier_request *requests[] = {
        kurier_admin_alter_group_offsets("c1", &offset, 1),
        kurier_admin_list_group_offsets(&ref, 1),
        kurier_admin_delete_group_offsets("c1", &none, 1),
        kurier_request_with(kurier_admin_list_groups(NULL, NULL), KURIER_BY_ID),
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        kurier_error err;
        assert_null(kurier_admin_run(w->client, requests[i], 1000, &err));
        assert_int_equal(err.code, KURIER_E_INVALID_ARGUMENT);
    }
}

/* ---- Memory ---------------------------------------------------------------------------------*/

enum { KINDS = 7 };

static kurier_request *make(int kind)
{
    static const char *const names[] = {"c1", "k1", NULL};
    static const kurier_position at[] = {{.topic = "t", .partition = 1, .leader_epoch = -1},
                                         {.topic = "s", .leader_epoch = -1}};
    static const kurier_group_offset offset = {.topic = "t", .offset = 7, .metadata = "why"};
    const kurier_group_ref refs[] = {{"c1", at, 2}, {.name = "k1"}};
    switch (kind) {
    case 0:
        return kurier_admin_list_groups(names, names);
    case 1:
        return kurier_admin_describe_groups(names, 2);
    case 2:
        return kurier_admin_list_group_offsets(refs, 2);
    case 3:
        return kurier_admin_alter_group_offsets("c1", &offset, 1);
    case 4:
        return kurier_admin_delete_group_offsets("c1", at, 2);
    case 5:
        return kurier_admin_delete_groups(names, 2);
    default:
        return kurier_admin_remove_members("c1", names, 2);
    }
}

struct exchange {
    struct world *w;
    int kind;
    bool instead; /* by the row's other API */
    int16_t version;
    uint8_t answer[2000];
    size_t size;
};

static bool prepare(struct exchange *x, struct kc_admin **admin, struct kc_admin_part *part)
{
    kurier_request *request = make(x->kind);
    *admin = request ? kc_admin_new(x->w->client, request) : NULL;
    if (!*admin)
        return false;
    *part = (struct kc_admin_part){.admin = *admin, .node = 1, .version = x->version};
    part->api = x->instead ? request->api->instead : request->api;
    part->ask.from = kc_client_link(x->w->client, 1);
    part->count = request->count;
    part->items = request->all ? NULL : (*admin)->left;
    for (size_t i = 0; i < request->count; i++)
        (*admin)->left[i] = &request->items[i];
    (*admin)->left_count = request->count;
    kc_admin_sort_left(*admin);
    return true;
}

/* What the broker would say to it. */
static void ask(struct exchange *x)
{
    struct kc_admin_part part;
    struct kc_admin *admin;
    struct kb_arena arena;
    struct kw_writer out;
    kb_arena_init(&arena, 1 << 20);
    kw_writer_init(&out, 1 << 20);
    assert_true(prepare(x, &admin, &part));
    assert_int_equal(part.api->encode(&part, x->version, &out), 0);
    struct kb_slice request = bytes_of(&out, &arena);
    struct kw_reader body = kw_reader_of(request);
    kw_writer_init(&out, 1 << 20);
    assert_true(answers[part.api->key](x->w, 0, x->version, &body, &arena, &out));
    struct kb_slice response = bytes_of(&out, &arena);
    assert_true(response.size <= sizeof x->answer);
    memcpy(x->answer, response.data, response.size);
    x->size = response.size;
    kc_call_unref(&admin->call);
    kb_arena_deinit(&arena);
}

/* Written and read with too little memory: an error, and nothing half told. */
static void exchange(void *ctx)
{
    struct exchange *x = ctx;
    struct kc_admin_part part;
    struct kc_admin *admin;
    struct kw_writer out;
    struct kb_error err;
    struct kw_reader body = kw_reader_of(kb_slice_of(x->answer, x->size));
    if (!prepare(x, &admin, &part))
        return;
    kw_writer_init(&out, 1 << 20);
    int code = part.api->encode(&part, x->version, &out);
    assert_true(code == 0 || code == KB_E_NO_MEMORY || code == KB_E_UNSUPPORTED);
    kb_error_clear(&err);
    code = part.api->take(&part, x->version, &body, &err);
    assert_true(code == 0 || code == KC_ADMIN_MORE || code == KB_E_NO_MEMORY ||
                code == KB_E_PROTOCOL);
    kw_writer_deinit(&out);
    kc_call_unref(&admin->call);
}

static void no_memory_is_an_error(void **state)
{
    static const struct {
        int kind;
        bool instead;
        int16_t version;
    } each[] = {{0, false, 5}, {1, false, 1}, {1, true, 6},  {2, false, 9}, {2, false, 2},
                {3, false, 9}, {4, false, 0}, {5, false, 2}, {6, false, 5}};
    struct world *w = *state;
    kurier_result_free(run(w, kurier_admin_list_groups(NULL, NULL), 4)); /* brokers are known */
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        struct exchange x = {
            .w = w, .kind = each[i].kind, .instead = each[i].instead, .version = each[i].version};
        ask(&x);
        assert_true(unit_each_failure(exchange, &x) > 6);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(groups_of_all_brokers_are_listed_once),
        CASE(or_those_of_a_state_and_type),
        CASE(a_coordinator_that_loads_lists_later),
        CASE(half_a_list_is_none),
        CASE(groups_of_both_protocols_are_described),
        CASE(or_by_an_older_broker),
        CASE(a_coordinator_that_moved_is_found_again),
        CASE(what_time_does_not_heal_is_told),
        CASE(offsets_of_several_groups),
        CASE(an_open_transaction_is_waited_for),
        CASE(offsets_are_committed_for_nobody),
        CASE(offsets_are_deleted),
        CASE(groups_are_deleted_by_their_coordinators),
        CASE(members_are_removed),
        CASE(what_makes_no_sense_is_refused),
        CASE(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
