/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher's requests: Fetch within its session, ListOffsets for resets. */
#include "libclient/core/fetcher.h"
#include "libclient/core/fetcher_node.h"
#include "wire/gen/fetch.h"
#include "wire/gen/list_offsets.h"

/* ---- Fetch ---------------------------------------------------------------------*/

struct plan {
    struct kc_fetcher *fetcher;
    int32_t node_id;
    struct kc_fetcher_node *node;
    struct kb_time now;
    kc_fetch_welcome_fn *welcome;
    void *ctx;
    struct kb_arena *arena;
    struct kw_fetch_request *request;
};

static bool is_due(const struct plan *p, const struct kc_fetch *fetch, int32_t *leader_epoch)
{
    return fetch->state == KC_FETCH_READY && !fetch->paused &&
           fetch->not_before_ms <= p->now.mono_ms &&
           kc_fetch_leader(fetch, leader_epoch) == p->node_id && p->welcome(p->ctx, fetch);
}

/* Does the session still hold what is true of it? */
static bool is_held(const struct plan *p, const struct kc_fetch *fetch, int32_t leader_epoch)
{
    return fetch->session_node == p->node->node && fetch->session_position == fetch->position &&
           fetch->session_epoch == leader_epoch;
}

/* The row of that topic; partitions of one topic follow each other mostly. */
static struct kw_fetch_request_topic *topic_row(struct plan *p, const struct kc_topic *topic)
{
    struct kw_fetch_request *r = p->request;
    for (int32_t i = r->topics_count - 1; i >= 0; i--)
        if (kb_slice_is(r->topics[i].topic, topic->name))
            return &r->topics[i];
    struct kw_fetch_request_topic *row = &r->topics[r->topics_count];
    kw_fetch_request_topic_init(row);
    row->topic = kb_slice_str(topic->name);
    row->topic_id = topic->id;
    row->partitions =
        kb_arena_array(p->arena, (size_t)topic->partition_count, sizeof *row->partitions);
    if (!row->partitions)
        return NULL;
    r->topics_count++;
    return row;
}

static bool name_partition(struct plan *p, struct kc_fetch *fetch, int32_t leader_epoch)
{
    struct kw_fetch_request_topic *topic = topic_row(p, fetch->topic);
    if (!topic)
        return false;
    struct kw_fetch_request_partition *row = &topic->partitions[topic->partitions_count++];
    kw_fetch_request_partition_init(row);
    row->partition = fetch->partition;
    row->current_leader_epoch = leader_epoch;
    row->fetch_offset = fetch->position;
    row->partition_max_bytes = p->fetcher->options->max_partition_fetch_bytes;
    fetch->session_node = p->node->node;
    fetch->session_position = fetch->position;
    fetch->session_epoch = leader_epoch;
    return true;
}

static bool forget_partition(struct plan *p, struct kc_fetch *fetch)
{
    struct kw_fetch_request *r = p->request;
    struct kw_fetch_request_forgotten_topic *row =
        &r->forgotten_topics_data[r->forgotten_topics_data_count];
    kw_fetch_request_forgotten_topic_init(row);
    row->topic = kb_slice_str(fetch->topic->name);
    row->topic_id = fetch->topic->id;
    row->partitions = kb_arena_array(p->arena, 1, sizeof *row->partitions);
    if (!row->partitions)
        return false;
    row->partitions[row->partitions_count++] = fetch->partition;
    r->forgotten_topics_data_count++;
    fetch->session_node = -1;
    return true;
}

static void fill_head(const struct plan *p, int32_t max_bytes)
{
    const struct kc_consumer_options *o = p->fetcher->options;
    struct kw_fetch_request *r = p->request;
    kw_fetch_request_init(r);
    r->replica_id = -1;
    r->max_wait_ms = o->fetch_max_wait_ms;
    r->min_bytes = o->fetch_min_bytes;
    r->max_bytes = max_bytes;
    r->isolation_level = (int8_t)o->isolation_level;
    r->session_id = p->node->session_id;
    r->session_epoch = p->node->session_epoch;
    if (p->node->no_sessions) { /* asked again, in full */
        r->session_id = 0;
        r->session_epoch = 0;
    }
    r->rack_id = o->client_rack ? kb_slice_str(o->client_rack) : kb_slice_str("");
}

/* Counts what is to be asked, and puts it in flight. */
static int32_t gather(struct plan *p)
{
    int32_t due = 0, epoch;
    KB_LIST_EACH(it, &p->fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (!is_due(p, fetch, &epoch))
            continue;
        fetch->flight_version = fetch->version;
        fetch->flight_node = p->node->node;
        kb_list_remove(&fetch->flight);
        kb_list_push_back(&p->node->flight, &fetch->flight);
        due++;
    }
    return due;
}

static bool write_changes(struct plan *p, int32_t due, int32_t all)
{
    int32_t epoch;
    p->request->topics = kb_arena_array(p->arena, (size_t)due, sizeof *p->request->topics);
    p->request->forgotten_topics_data =
        kb_arena_array(p->arena, (size_t)all, sizeof *p->request->forgotten_topics_data);
    if (!p->request->topics || !p->request->forgotten_topics_data)
        return false;
    bool full = p->request->session_epoch <= 0;
    KB_LIST_EACH(it, &p->node->flight) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, flight);
        kc_fetch_leader(fetch, &epoch);
        if ((full || !is_held(p, fetch, epoch)) && !name_partition(p, fetch, epoch))
            return false;
    }
    KB_LIST_EACH(it, &p->fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        bool flies = !kb_list_empty(&fetch->flight);
        if (!full && !flies && fetch->session_node == p->node->node && !forget_partition(p, fetch))
            return false;
    }
    return true;
}

void kc_fetcher_wait(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id)
{
    int32_t epoch;
    KB_LIST_EACH(it, &fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (kc_fetch_leader(fetch, &epoch) == node_id)
            kc_fetch_wait(fetcher, fetch, now);
    }
}

/* The next full request begins with another partition, so that none starves. */
static void rotate(struct kb_list *fetches)
{
    struct kb_list *first = kb_list_pop_front(fetches);
    if (first)
        kb_list_push_back(fetches, first);
}

bool kc_fetcher_is_due(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id,
                       kc_fetch_welcome_fn *welcome, void *ctx)
{
    struct kc_fetcher_node *node = kc_fetcher_node_find(fetcher, node_id);
    struct plan p = {fetcher, node_id, node, now, welcome, ctx, NULL, NULL};
    int32_t epoch;
    if (node && node->in_flight)
        return false;
    KB_LIST_EACH(it, &fetcher->fetches)
        if (is_due(&p, KB_CONTAINER(it, struct kc_fetch, all), &epoch))
            return true;
    return false;
}

static void land(struct kc_fetcher_node *node)
{
    while (kb_list_pop_front(&node->flight))
        ;
}

bool kc_fetcher_plan(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id,
                     int32_t max_bytes, kc_fetch_welcome_fn *welcome, void *ctx,
                     struct kb_arena *arena, struct kw_fetch_request *request)
{
    struct kc_fetcher_node *node = kc_fetcher_node(fetcher, node_id);
    if (!node)
        kc_fetcher_wait(fetcher, now, node_id);
    if (!node || node->in_flight)
        return false;
    struct plan p = {fetcher, node_id, node, now, welcome, ctx, arena, request};
    fill_head(&p, max_bytes);
    if (request->session_epoch == 0)
        kc_fetcher_session_reset(fetcher, node);
    int32_t all = 0, due = gather(&p);
    KB_LIST_EACH(it, &fetcher->fetches)
        all++;
    if (!due)
        return false;
    if (!write_changes(&p, due, all)) {
        kc_fetcher_session_reset(fetcher, node);
        land(node);
        kc_fetcher_wait(fetcher, now, node_id);
        return false;
    }
    node->in_flight = true;
    rotate(&fetcher->fetches);
    return true;
}

void kc_fetcher_failure(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id)
{
    struct kc_fetcher_node *node = kc_fetcher_node_find(fetcher, node_id);
    if (!node)
        return;
    KB_LIST_EACH(it, &node->flight)
        kc_fetch_wait(fetcher, KB_CONTAINER(it, struct kc_fetch, flight), now);
    land(node);
    node->in_flight = false;
    kc_fetcher_session_reset(fetcher, node);
    node->session_id = 0; /* it went with the connection, or will expire */
}

/* ---- ListOffsets -----------------------------------------------------------------*/

static bool reset_due(const struct kc_fetch *fetch, struct kb_time now, int32_t node,
                      int32_t *leader_epoch)
{
    return fetch->state == KC_FETCH_RESET && fetch->reset_to != KC_COMMITTED &&
           fetch->not_before_ms <= now.mono_ms && kc_fetch_leader(fetch, leader_epoch) == node;
}

bool kc_fetcher_offsets_due(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id)
{
    const struct kc_fetcher_node *node = kc_fetcher_node_find(fetcher, node_id);
    int32_t epoch;
    if (node && node->asked)
        return false;
    KB_LIST_EACH(it, &fetcher->fetches)
        if (reset_due(KB_CONTAINER(it, struct kc_fetch, all), now, node_id, &epoch))
            return true;
    return false;
}

static bool ask_offset(struct kw_list_offsets_request *request, struct kc_fetch *fetch,
                       int32_t node, int32_t leader_epoch, struct kb_arena *arena)
{
    struct kw_list_offsets_request_topic *topic = &request->topics[request->topics_count];
    struct kw_list_offsets_request_partition *row = kb_arena_alloc(arena, sizeof *row);
    if (!row)
        return false;
    kw_list_offsets_request_topic_init(topic);
    kw_list_offsets_request_partition_init(row);
    row->partition_index = fetch->partition;
    row->current_leader_epoch = leader_epoch;
    row->timestamp = fetch->reset_to;
    topic->name = kb_slice_str(fetch->topic->name);
    topic->partitions = row;
    topic->partitions_count = 1;
    request->topics_count++;
    fetch->state = KC_FETCH_ASKED;
    fetch->asked_node = node;
    return true;
}

bool kc_fetcher_plan_offsets(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id,
                             struct kb_arena *arena, struct kw_list_offsets_request *request)
{
    struct kc_fetcher_node *node = kc_fetcher_node(fetcher, node_id);
    int32_t epoch, due = 0;
    if (!node)
        kc_fetcher_wait(fetcher, now, node_id);
    if (!node || node->asked)
        return false;
    KB_LIST_EACH(it, &fetcher->fetches)
        due += reset_due(KB_CONTAINER(it, struct kc_fetch, all), now, node_id, &epoch);
    kw_list_offsets_request_init(request);
    request->replica_id = -1;
    request->isolation_level = (int8_t)fetcher->options->isolation_level;
    request->topics = due ? kb_arena_array(arena, (size_t)due, sizeof *request->topics) : NULL;
    KB_LIST_EACH(it, &fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (reset_due(fetch, now, node_id, &epoch) &&
            (!request->topics || !ask_offset(request, fetch, node_id, epoch, arena)))
            kc_fetch_wait(fetcher, fetch, now);
    }
    node->asked = request->topics_count > 0;
    return node->asked;
}

void kc_fetcher_failure_offsets(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id)
{
    struct kc_fetcher_node *node = kc_fetcher_node_find(fetcher, node_id);
    if (!node)
        return;
    node->asked = false;
    fetcher->wants_metadata = true;
    KB_LIST_EACH(it, &fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (fetch->state != KC_FETCH_ASKED || fetch->asked_node != node_id)
            continue;
        fetch->state = KC_FETCH_RESET;
        kc_fetch_wait(fetcher, fetch, now);
    }
}
