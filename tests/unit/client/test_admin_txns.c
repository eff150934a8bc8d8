/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of transactions against two brokers on a simulated network: who is
 * asked what, in which version, and what becomes of the answers. The last character of
 * a transactional id is the broker that coordinates it. Topic "t" has partitions 0 and
 * 2 at broker 1, partition 1 at broker 2. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "libclient/admin/admin.h"
#include "tests/unit/client/fake.h"
#include "wire/gen/describe_producers.h"
#include "wire/gen/describe_transactions.h"
#include "wire/gen/find_coordinator.h"
#include "wire/gen/init_producer_id.h"
#include "wire/gen/list_transactions.h"
#include "wire/gen/write_txn_markers.h"
#include <stdio.h>
#include <string.h>

enum { TIMEOUT_MS = 5000, TOLD_AS_ALWAYS = -2, OLD_MS = 900000 };

struct world {
    struct fake_world net;
    kurier_client *client;
    int asked[KW_API_KEY_END];
    int16_t max[KW_API_KEY_END]; /* version told */
    int refusals;                /* so many are answered with .code instead */
    int16_t code, refused_key;
    char saw[1024]; /* what the fakes noted of requests */
};

/* ---- What the brokers know -------------------------------------------------------------*/

/* 10 is known where it is open; 20 ended long ago, says its coordinator; 30 nobody knows;
 * 40's coordinator keeps silent; 50 has just written; 60 has nothing open. */
static const struct {
    int32_t partition, epoch, coordinator_epoch;
    int64_t id, start;
} producers[] = {{0, 1, 5, 10, 100}, {1, 2, 6, 20, 200},  {2, 3, -1, 30, 300},
                 {2, 4, 7, 40, 400}, {0, 0, -1, 50, 500}, {1, 0, 0, 60, -1}};

static const struct {
    const char *name, *state;
    int64_t producer;
    int16_t code; /* when it is described */
} ids[] = {{"open1", "Ongoing", 10, 0},
           {"over2", "CompleteCommit", 20, 0},
           {"secret1", "Ongoing", 40, KB_E_TRANSACTIONAL_ID_AUTHORIZATION_FAILED},
           {"young2", "Ongoing", 50, 0}};

enum { IDS = sizeof ids / sizeof *ids, PRODUCERS = sizeof producers / sizeof *producers };

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

static int32_t coordinator_of(struct kb_slice id)
{
    return id.data[id.size - 1] - '0';
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
    NOTE(w, "find %d: ", request.key_type);
    if (version < 4) {
        NOTE(w, "%.*s; ", SAY(request.key));
        response.node_id = coordinator_of(request.key);
        response.host = kb_slice_str("");
        return kw_find_coordinator_response_encode(out, version, &response);
    }
    ARRAY(response.coordinators, request.coordinator_keys_count);
    for (int32_t i = 0; i < request.coordinator_keys_count; i++) {
        struct kw_find_coordinator_response_coordinator *c = &response.coordinators[i];
        kw_find_coordinator_response_coordinator_init(c);
        c->key = request.coordinator_keys[i];
        c->node_id = coordinator_of(c->key);
        NOTE(w, "%.*s ", SAY(c->key));
    }
    NOTE(w, "; ");
    return kw_find_coordinator_response_encode(out, version, &response);
}

static bool lets_pass(const struct kw_list_transactions_request *request, int64_t producer)
{
    for (int32_t i = 0; i < request->producer_id_filters_count; i++)
        if (request->producer_id_filters[i] == producer)
            return true;
    return request->producer_id_filters_count == 0;
}

static bool list_transactions(struct world *w, int broker, int16_t version, struct kw_reader *body,
                              struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_list_transactions_request request;
    struct kw_list_transactions_response response;
    RESPOND(list_transactions);
    NOTE(w, "list v%d %lld %.*s", version, (long long)request.duration_filter,
         SAY(request.transactional_id_pattern));
    ARRAY(response.unknown_state_filters, request.state_filters_count);
    response.unknown_state_filters_count = 0;
    for (int32_t i = 0; i < request.state_filters_count; i++) {
        NOTE(w, " %.*s", SAY(request.state_filters[i]));
        if (kb_slice_is(request.state_filters[i], "Odd"))
            response.unknown_state_filters[response.unknown_state_filters_count++] =
                request.state_filters[i];
    }
    NOTE(w, "; ");
    response.error_code = refusal(w, KW_API_LIST_TRANSACTIONS);
    ARRAY(response.transaction_states, IDS);
    response.transaction_states_count = 0;
    for (int i = 0; i < IDS; i++)
        if (coordinator_of(kb_slice_str(ids[i].name)) == broker + 1 &&
            lets_pass(&request, ids[i].producer))
            response.transaction_states[response.transaction_states_count++] =
                (struct kw_list_transactions_response_transaction_state){
                    kb_slice_str(ids[i].name), ids[i].producer, kb_slice_str(ids[i].state)};
    return kw_list_transactions_response_encode(out, version, &response);
}

static bool describe_transactions(struct world *w, int broker, int16_t version,
                                  struct kw_reader *body, struct kb_arena *arena,
                                  struct kw_writer *out)
{
    static int32_t backwards[] = {2, 0};
    struct kw_describe_transactions_request request;
    struct kw_describe_transactions_response response;
    RESPOND(describe_transactions);
    NOTE(w, "describe %d:", broker + 1);
    ARRAY(response.transaction_states, request.transactional_ids_count);
    for (int32_t i = 0; i < request.transactional_ids_count; i++) {
        struct kw_describe_transactions_response_transaction_state *t =
            &response.transaction_states[i];
        int found = 0;
        kw_describe_transactions_response_transaction_state_init(t);
        t->transactional_id = request.transactional_ids[i];
        NOTE(w, " %.*s", SAY(t->transactional_id));
        while (found < IDS && !kb_slice_is(t->transactional_id, ids[found].name))
            found++;
        t->transaction_state = kb_slice_str(found < IDS ? ids[found].state : "");
        t->error_code = found < IDS ? ids[found].code : KB_E_TRANSACTIONAL_ID_NOT_FOUND;
        if (!t->error_code)
            t->error_code = refusal(w, KW_API_DESCRIBE_TRANSACTIONS);
        t->producer_id = found < IDS ? ids[found].producer : -1;
        t->producer_epoch = 1;
        t->transaction_start_time_ms = 77;
        t->transaction_timeout_ms = 60000;
        if (kb_slice_is(t->transaction_state, "Ongoing")) {
            ARRAY(t->topics, 1);
            t->topics[0].topic = kb_slice_str("t");
            t->topics[0].partitions = backwards;
            t->topics[0].partitions_count = 2;
        }
    }
    NOTE(w, "; ");
    return kw_describe_transactions_response_encode(out, version, &response);
}

static bool init_producer_id(struct world *w, int broker, int16_t version, struct kw_reader *body,
                             struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_init_producer_id_request request;
    struct kw_init_producer_id_response response;
    RESPOND(init_producer_id);
    NOTE(w, "init %d: %.*s %lld/%d; ", broker + 1, SAY(request.transactional_id),
         (long long)request.producer_id, request.producer_epoch);
    response.error_code = refusal(w, KW_API_INIT_PRODUCER_ID);
    response.producer_id = 70 + broker;
    response.producer_epoch = 8;
    return kw_init_producer_id_response_encode(out, version, &response);
}

static void list_active(struct world *w, struct kw_describe_producers_response_partition *p,
                        struct kb_arena *arena)
{
    int64_t now_ms = kn_loop_now(w->net.loop).wall_ms;
    ARRAY(p->active_producers, PRODUCERS);
    p->active_producers_count = 0;
    for (int i = 0; i < PRODUCERS; i++) {
        struct kw_describe_producers_response_active_producer *to =
            &p->active_producers[p->active_producers_count];
        if (producers[i].partition != p->partition_index)
            continue;
        kw_describe_producers_response_active_producer_init(to);
        to->producer_id = producers[i].id;
        to->producer_epoch = producers[i].epoch;
        to->coordinator_epoch = producers[i].coordinator_epoch;
        to->current_txn_start_offset = producers[i].start;
        to->last_timestamp = producers[i].id == 50 ? now_ms : now_ms - 2 * (int64_t)OLD_MS;
        p->active_producers_count++;
    }
}

static bool describe_producers(struct world *w, int broker, int16_t version, struct kw_reader *body,
                               struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_describe_producers_request request;
    struct kw_describe_producers_response response;
    (void)broker;
    RESPOND(describe_producers);
    ARRAY(response.topics, request.topics_count);
    for (int32_t i = 0; i < request.topics_count; i++) {
        response.topics[i].name = request.topics[i].name;
        ARRAY(response.topics[i].partitions, request.topics[i].partition_indexes_count);
        for (int32_t k = 0; k < request.topics[i].partition_indexes_count; k++) {
            struct kw_describe_producers_response_partition *p = &response.topics[i].partitions[k];
            kw_describe_producers_response_partition_init(p);
            p->partition_index = request.topics[i].partition_indexes[k];
            p->error_code = refusal(w, KW_API_DESCRIBE_PRODUCERS);
            list_active(w, p, arena);
        }
    }
    return kw_describe_producers_response_encode(out, version, &response);
}

static bool write_txn_markers(struct world *w, int broker, int16_t version, struct kw_reader *body,
                              struct kb_arena *arena, struct kw_writer *out)
{
    struct kw_write_txn_markers_request request;
    struct kw_write_txn_markers_response response;
    RESPOND(write_txn_markers);
    NOTE(w, "write %d:", broker + 1);
    ARRAY(response.markers, request.markers_count);
    for (int32_t i = 0; i < request.markers_count; i++) {
        const struct kw_write_txn_markers_request_marker *m = &request.markers[i];
        assert_false(m->transaction_result);
        NOTE(w, " %lld/%d/%d in %.*s-%d", (long long)m->producer_id, m->producer_epoch,
             m->coordinator_epoch, SAY(m->topics[0].name), m->topics[0].partition_indexes[0]);
        response.markers[i].producer_id = m->producer_id;
        ARRAY(response.markers[i].topics, 1);
        response.markers[i].topics[0].name = m->topics[0].name;
        ARRAY(response.markers[i].topics[0].partitions, 1);
        response.markers[i].topics[0].partitions[0].partition_index =
            m->topics[0].partition_indexes[0];
        response.markers[i].topics[0].partitions[0].error_code =
            refusal(w, KW_API_WRITE_TXN_MARKERS);
    }
    NOTE(w, "; ");
    return kw_write_txn_markers_response_encode(out, version, &response);
}

static answer_fn *const answers[KW_API_KEY_END] = {
    [KW_API_FIND_COORDINATOR] = find_coordinator,
    [KW_API_LIST_TRANSACTIONS] = list_transactions,
    [KW_API_DESCRIBE_TRANSACTIONS] = describe_transactions,
    [KW_API_INIT_PRODUCER_ID] = init_producer_id,
    [KW_API_DESCRIBE_PRODUCERS] = describe_producers,
    [KW_API_WRITE_TXN_MARKERS] = write_txn_markers,
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
    fake_world_init(&w->net, 37);
    w->net.cluster.topics[0] =
        (struct fake_topic){.name = "t", .partitions = 3, .leader = {1, 2, 1}};
    w->net.cluster.topic_count = 1;
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

static void fails(struct world *w, kurier_request *request, kurier_code code, const char *words)
{
    kurier_error err;
    assert_null(kurier_admin_run(w->client, request, TIMEOUT_MS, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" has no \"%s\"", err.text, words);
}

static void refuse(struct world *w, int16_t key, int times, int16_t code)
{
    w->refused_key = key;
    w->refusals = times;
    w->code = code;
}

static void saw(struct world *w, const char *words)
{
    if (!strstr(w->saw, words))
        fail_msg("\"%s\" has no \"%s\"", w->saw, words);
}

/* What a broker speaks is asked per connection. */
static void speaks(struct world *w, int16_t key, int16_t max)
{
    w->max[key] = max;
    kurier_client_free(w->client);
    open_client(w);
}

/* ---- Listing ---------------------------------------------------------------------------*/

static void transactions_of_all_brokers_are_listed(void **state)
{
    struct world *w = *state;
    kurier_result *result = run(w, kurier_admin_list_transactions(NULL), IDS);
    assert_int_equal(kurier_result_kind(result), KURIER_ITEM_TRANSACTION);
    assert_string_equal(w->saw, "list v2 -1 ; list v2 -1 ; ");
    const kurier_transaction_info *over = kurier_result_transaction(result, 1);
    assert_string_equal(over->name, "over2"); /* sorted */
    assert_string_equal(over->state, "CompleteCommit");
    assert_int_equal(over->producer, 20);
    assert_int_equal(over->coordinator, 2);
    assert_int_equal(over->epoch, -1);
    assert_null(kurier_result_hanging(result, 0));
    kurier_result_free(result);
}

static void or_those_that_filters_let_pass(void **state)
{
    static const char *const states[] = {"Ongoing", "Empty", NULL};
    static const int64_t of[] = {20, 99};
    struct world *w = *state;
    const kurier_transaction_filter filter = {.states = states,
                                              .producers = of,
                                              .producer_count = 2,
                                              .older_than_ms = 60000,
                                              .pattern = "o.*"};
    kurier_result_free(run(w, kurier_admin_list_transactions(&filter), 1));
    assert_string_equal(w->saw,
                        "list v2 60000 o.* Ongoing Empty; list v2 60000 o.* Ongoing Empty; ");
}

static void a_filter_that_a_broker_does_not_know_is_not_left_out(void **state)
{
    static const char *const states[] = {"Odd", NULL};
    struct world *w = *state;
    const kurier_transaction_filter odd = {.states = states}, old = {.older_than_ms = 1},
                                    pattern = {.pattern = "x"}, never = {.older_than_ms = -1};
    fails(w, kurier_admin_list_transactions(&odd), KURIER_E_INVALID_ARGUMENT, "no state \"Odd\"");
    fails(w, kurier_admin_list_transactions(&never), KURIER_E_INVALID_ARGUMENT, "no duration");
    speaks(w, KW_API_LIST_TRANSACTIONS, 1);
    kurier_result_free(run(w, kurier_admin_list_transactions(&old), IDS));
    fails(w, kurier_admin_list_transactions(&pattern), KURIER_E_UNSUPPORTED, "and 2 is needed");
    speaks(w, KW_API_LIST_TRANSACTIONS, 0);
    fails(w, kurier_admin_list_transactions(&old), KURIER_E_UNSUPPORTED, "and 1-2 is needed");
    kurier_result_free(run(w, kurier_admin_list_transactions(NULL), IDS));
}

static void a_coordinator_that_loads_lists_later(void **state)
{
    struct world *w = *state;
    refuse(w, KW_API_LIST_TRANSACTIONS, 1, KB_E_COORDINATOR_LOAD_IN_PROGRESS);
    kurier_result_free(run(w, kurier_admin_list_transactions(NULL), IDS));
    assert_int_equal(w->asked[KW_API_LIST_TRANSACTIONS], 4);
    refuse(w, KW_API_LIST_TRANSACTIONS, 1, KB_E_CLUSTER_AUTHORIZATION_FAILED);
    fails(w, kurier_admin_list_transactions(NULL), (kurier_code)KB_E_CLUSTER_AUTHORIZATION_FAILED,
          "ListTransactions");
}

/* ---- Describing ------------------------------------------------------------------------*/

static void coordinators_describe_them(void **state)
{
    static const char *const names[] = {"over2", "open1", "nobody2"};
    struct world *w = *state;
    kurier_result *result = run(w, kurier_admin_describe_transactions(names, 3), 3);
    saw(w, "find 1: nobody2 open1 over2 ; ");
    saw(w, "describe 1: open1; ");
    saw(w, "describe 2: nobody2 over2; ");
    const kurier_transaction_info *open = kurier_result_transaction(result, 1);
    assert_string_equal(open->state, "Ongoing");
    assert_int_equal(open->producer, 10);
    assert_int_equal(open->epoch, 1);
    assert_int_equal(open->start_ms, 77);
    assert_int_equal(open->timeout_ms, 60000);
    assert_int_equal(open->coordinator, 1);
    assert_int_equal(open->partition_count, 2);
    assert_int_equal(open->partitions[0].partition, 0); /* sorted */
    assert_string_equal(open->partitions[1].topic, "t");
    assert_int_equal(kurier_result_transaction(result, 0)->partition_count, 0);
    assert_int_equal(kurier_result_item(result, 2)->code, KB_E_TRANSACTIONAL_ID_NOT_FOUND);
    kurier_result_free(result);
}

static void also_where_they_are_found_one_by_one(void **state)
{
    static const char *const names[] = {"open1", "over2"};
    struct world *w = *state;
    speaks(w, KW_API_FIND_COORDINATOR, 3);
    refuse(w, KW_API_DESCRIBE_TRANSACTIONS, 1, KB_E_NOT_COORDINATOR);
    kurier_result *result = run(w, kurier_admin_describe_transactions(names, 2), 2);
    saw(w, "find 1: open1; find 1: over2; ");
    assert_int_equal(kurier_result_error(result, NULL), KURIER_OK);
    assert_int_equal(w->asked[KW_API_DESCRIBE_TRANSACTIONS], 3); /* one of them again */
    kurier_result_free(result);
}

/* ---- Fencing ---------------------------------------------------------------------------*/

static void producers_are_fenced_one_by_one(void **state)
{
    static const char *const names[] = {"a1", "b2", "c1"}, *const none[] = {""};
    struct world *w = *state;
    refuse(w, KW_API_INIT_PRODUCER_ID, 1, KB_E_CONCURRENT_TRANSACTIONS);
    kurier_result *result = run(w, kurier_admin_fence_producers(names, 3), 3);
    saw(w, "init 1: a1 -1/-1; ");
    saw(w, "init 1: c1 -1/-1; ");
    assert_int_equal(w->asked[KW_API_INIT_PRODUCER_ID], 4); /* what is being ended is waited for */
    assert_int_equal(kurier_result_error(result, NULL), KURIER_OK);
    assert_int_equal(kurier_result_transaction(result, 1)->producer, 71);
    assert_int_equal(kurier_result_transaction(result, 1)->epoch, 8);
    assert_int_equal(kurier_result_transaction(result, 2)->producer, 70);
    assert_null(kurier_result_transaction(result, 2)->state);
    kurier_result_free(result);
    fails(w, kurier_admin_fence_producers(none, 1), KURIER_E_INVALID_ARGUMENT, "is empty");
}

/* ---- Aborting --------------------------------------------------------------------------*/

static void leaders_write_marks(void **state)
{
    struct world *w = *state;
    const kurier_open_transaction open[] = {
        {.topic = "t", .partition = 2, .producer = 30, .epoch = 3},
        {.topic = "t", .partition = 1, .producer = 20, .epoch = 2, .coordinator_epoch = 6},
        {.topic = "t", .partition = 2, .producer = 40, .epoch = 4, .coordinator_epoch = 7},
        {.topic = "none", .partition = 0, .producer = 1}};
    refuse(w, KW_API_WRITE_TXN_MARKERS, 1, KB_E_NOT_LEADER_OR_FOLLOWER);
    kurier_result *result = run(w, kurier_admin_abort_transactions(open, 4), 4);
    saw(w, "write 1: 30/3/0 in t-2; ");
    saw(w, "write 1: 40/4/7 in t-2; "); /* answers name only the partition */
    saw(w, "write 2: 20/2/6 in t-1; ");
    assert_int_equal(w->asked[KW_API_WRITE_TXN_MARKERS], 4);
    assert_int_equal(kurier_result_kind(result), KURIER_ITEM);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(kurier_result_item(result, i)->code, KURIER_OK);
    assert_int_equal(kurier_result_item(result, 3)->code, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    kurier_result_free(result);
    refuse(w, KW_API_WRITE_TXN_MARKERS, 1, KB_E_TRANSACTION_COORDINATOR_FENCED);
    result = run(w, kurier_admin_abort_transactions(open, 1), 1);
    assert_int_equal(kurier_result_item(result, 0)->code, KB_E_TRANSACTION_COORDINATOR_FENCED);
    kurier_result_free(result);
}

static void what_is_no_producer_is_refused(void **state)
{
    struct world *w = *state;
    const kurier_open_transaction wrong[] = {{.topic = "t", .producer = -1},
                                             {.topic = "t", .epoch = INT16_MAX + 1},
                                             {.topic = "t", .coordinator_epoch = -1},
                                             {.topic = "t", .partition = -1}};
    for (size_t i = 0; i < 4; i++)
        fails(w, kurier_admin_abort_transactions(&wrong[i], 1), KURIER_E_INVALID_ARGUMENT,
              "number 0 is of");
}

static void or_by_where_they_begin(void **state)
{
    struct world *w = *state;
    const kurier_position at[] = {kurier_at("t", 1, 200), kurier_at("t", 1, 201),
                                  kurier_at("t", 2, 300), kurier_at("none", 0, 0)},
                          end = kurier_at("t", 1, KURIER_END);
    kurier_result *result = run(w, kurier_admin_abort_transactions_at(at, 4), 4);
    saw(w, "write 2: 20/2/6 in t-1; ");
    saw(w, "write 1: 30/3/0 in t-2; ");
    assert_int_equal(w->asked[KW_API_WRITE_TXN_MARKERS], 2);
    assert_int_equal(kurier_result_kind(result), KURIER_ITEM);
    assert_int_equal(kurier_result_item(result, 0)->code, KURIER_OK);
    assert_int_equal(kurier_result_item(result, 1)->code, KB_E_INVALID_TXN_STATE);
    assert_non_null(strstr(kurier_result_item(result, 1)->text, "begins at this offset"));
    assert_int_equal(kurier_result_item(result, 2)->code, KURIER_OK);
    assert_int_equal(kurier_result_item(result, 3)->code, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    kurier_result_free(result);
    fails(w, kurier_admin_abort_transactions_at(&end, 1), KURIER_E_INVALID_ARGUMENT, "offset -1");
}

/* ---- Finding those that hang -----------------------------------------------------------*/

static kurier_request *hunt(int64_t older_than_ms)
{
    const kurier_position all[] = {kurier_at("t", 2, 0), kurier_at("t", 0, 0),
                                   kurier_at("none", 3, 0), kurier_at("t", 1, 0)};
    return kurier_admin_find_hanging(all, 4, older_than_ms);
}

static void what_no_coordinator_knows_of_hangs(void **state)
{
    struct world *w = *state;
    kurier_result *result = run(w, hunt(OLD_MS), 4);
    assert_int_equal(kurier_result_kind(result), KURIER_ITEM_HANGING);
    assert_string_equal(kurier_result_item(result, 0)->name, "none");
    assert_int_equal(kurier_result_item(result, 0)->code, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    const kurier_hanging_info *over = kurier_result_hanging(result, 1);
    assert_int_equal(over->partition, 1);
    assert_string_equal(over->transactional_id, "over2");
    assert_int_equal(over->producer, 20);
    assert_int_equal(over->epoch, 2);
    assert_int_equal(over->coordinator_epoch, 6);
    assert_int_equal(over->start_offset, 200);
    const kurier_hanging_info *nobodys = NULL, *secret = NULL;
    for (size_t i = 2; i < 4; i++)
        *(kurier_result_item(result, i)->code ? &secret : &nobodys) =
            kurier_result_hanging(result, i);
    assert_non_null(nobodys);
    assert_null(nobodys->transactional_id);
    assert_int_equal(nobodys->producer, 30);
    assert_int_equal(nobodys->partition, 2);
    assert_non_null(secret); /* it may hang, or may not */
    assert_int_equal(secret->code, KB_E_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    assert_null(kurier_result_transaction(result, 1));
    kurier_result_free(result);
}

/* 50 is known where it is open, so only its age was in the way of asking. */
static void the_young_are_asked_about_if_wanted(void **state)
{
    struct world *w = *state;
    kurier_result_free(run(w, hunt(OLD_MS), 4));
    assert_null(strstr(w->saw, "young2"));
    kurier_result_free(run(w, hunt(0), 4));
    saw(w, "young2");
    fails(w, hunt(-1), KURIER_E_INVALID_ARGUMENT, "no duration");
}

static void where_nothing_is_old_nobody_is_asked(void **state)
{
    struct world *w = *state;
    kurier_result_free(run(w, hunt(INT64_MAX / 2), 1)); /* the topic that is not there */
    assert_int_equal(w->asked[KW_API_LIST_TRANSACTIONS], 0);
    const kurier_position one = kurier_at("t", 2, 0);
    w->net.cluster.topics[0].name = "u";
    kurier_result_free(run(w, kurier_admin_find_hanging(&one, 1, 0), 1));
}

static void half_a_hunt_is_none(void **state)
{
    struct world *w = *state;
    kurier_error err;
    refuse(w, KW_API_LIST_TRANSACTIONS, 1, KB_E_CLUSTER_AUTHORIZATION_FAILED);
    fails(w, hunt(OLD_MS), (kurier_code)KB_E_CLUSTER_AUTHORIZATION_FAILED, "ListTransactions");
    assert_int_equal(kurier_admin_submit(w->client, hunt(OLD_MS), TIMEOUT_MS, 17, NULL), KURIER_OK);
    kurier_result *result = kurier_client_result(w->client, TIMEOUT_MS, &err);
    assert_int_equal(kurier_result_opaque(result), 17);
    assert_int_equal(kurier_result_count(result), 4);
    kurier_result_free(result);
}

/* ---- Memory ----------------------------------------------------------------------------*/

static void run_each(void *ctx)
{
    static const char *const names[] = {"open1", "over2"}, *const states[] = {"Ongoing", NULL};
    static const int64_t of[] = {20};
    struct world *w = ctx;
    const kurier_transaction_filter filter = {
        .states = states, .producers = of, .producer_count = 1, .pattern = "x"};
    const kurier_open_transaction open = {.topic = "t", .producer = 30};
    const kurier_position at = kurier_at("t", 1, 200);
    kurier_request *requests[] = {
        kurier_admin_list_transactions(&filter),    kurier_admin_describe_transactions(names, 2),
        kurier_admin_fence_producers(names, 2),     kurier_admin_abort_transactions(&open, 1),
        kurier_admin_abort_transactions_at(&at, 1), hunt(OLD_MS)};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        kurier_error err;
        w->saw[0] = 0;
        kurier_result *result = kurier_admin_run(w->client, requests[i], TIMEOUT_MS, &err);
        assert_true(result || err.code);
        kurier_result_free(result);
    }
}

static void no_memory_is_told(void **state)
{
    assert_in_range(unit_each_failure(run_each, *state), 100, 3000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(transactions_of_all_brokers_are_listed),
        CASE(or_those_that_filters_let_pass),
        CASE(a_filter_that_a_broker_does_not_know_is_not_left_out),
        CASE(a_coordinator_that_loads_lists_later),
        CASE(coordinators_describe_them),
        CASE(also_where_they_are_found_one_by_one),
        CASE(producers_are_fenced_one_by_one),
        CASE(leaders_write_marks),
        CASE(what_is_no_producer_is_refused),
        CASE(or_by_where_they_begin),
        CASE(what_no_coordinator_knows_of_hangs),
        CASE(the_young_are_asked_about_if_wanted),
        CASE(where_nothing_is_old_nobody_is_asked),
        CASE(half_a_hunt_is_none),
        CASE(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
