/* SPDX-License-Identifier: Apache-2.0 */
/* What the fetcher makes of its brokers' answers. */
#include "libclient/core/fetcher.h"
#include "libclient/core/fetcher_node.h"
#include "wire/batch.h"
#include "wire/gen/fetch.h"
#include "wire/gen/list_offsets.h"

struct reading {
    struct kc_fetcher *fetcher;
    struct kb_time now;
    int32_t node;
    struct kb_arena *arena;
    struct kc_fetched_list *out;
};

/* ---- Errors -----------------------------------------------------------------*/

enum verdict {
    ASK_AGAIN,  /* after a backoff */
    REFRESH,    /* the same, with newer metadata */
    LOST_PLACE, /* auto.offset.reset decides */
    TELL        /* the application hears of it, and it is asked again */
};

static enum verdict verdict_of(int32_t code)
{
    static const struct {
        int32_t code;
        enum verdict verdict;
    } table[] = {
        {KB_E_OFFSET_OUT_OF_RANGE, LOST_PLACE}, {KB_E_UNKNOWN_TOPIC_OR_PARTITION, REFRESH},
        {KB_E_LEADER_NOT_AVAILABLE, REFRESH},   {KB_E_NOT_LEADER_OR_FOLLOWER, REFRESH},
        {KB_E_REPLICA_NOT_AVAILABLE, REFRESH},  {KB_E_KAFKA_STORAGE_ERROR, REFRESH},
        {KB_E_FENCED_LEADER_EPOCH, REFRESH},    {KB_E_UNKNOWN_LEADER_EPOCH, REFRESH},
        {KB_E_OFFSET_NOT_AVAILABLE, REFRESH},   {KB_E_UNKNOWN_TOPIC_ID, REFRESH},
        {KB_E_INCONSISTENT_TOPIC_ID, REFRESH},  {KB_E_REQUEST_TIMED_OUT, ASK_AGAIN},
    };
    for (size_t i = 0; i < KB_ARRAY_SIZE(table); i++)
        if (table[i].code == code)
            return table[i].verdict;
    return TELL;
}

static void tell(struct reading *r, struct kc_fetch *fetch, int32_t code)
{
    struct kc_fetched *row = kc_fetched_add(r->out, r->arena, KC_FETCHED_ERROR, fetch);
    if (row)
        kb_error_set(&row->err, code, "%s[%d]: the broker answered %s: %s", fetch->topic->name,
                     fetch->partition, kb_code_name(code), kb_code_text(code));
}

static void refuse(struct reading *r, struct kc_fetch *fetch, int32_t code)
{
    enum verdict verdict = verdict_of(code);
    kc_fetch_wait(r->fetcher, fetch, r->now);
    if (verdict == REFRESH)
        r->fetcher->wants_metadata = true;
    if (verdict == TELL)
        tell(r, fetch, code);
    if (verdict == LOST_PLACE) {
        fetch->not_before_ms = 0;
        kc_fetch_lost_place(r->fetcher, r->now, fetch, "is not in the log (any more)", r->arena,
                            r->out);
    }
}

/* ---- Fetch ------------------------------------------------------------------*/

/* The batches that came whole. */
static struct kb_slice whole_batches(struct kb_slice records, int64_t *next, int32_t *epoch)
{
    struct kw_batch_iter it;
    struct kw_batch batch;
    kw_batch_iter_init(&it, records, SIZE_MAX);
    while (kw_batch_iter_next(&it, &batch)) {
        *next = KB_MAX(*next, kw_batch_header_last_offset(&batch.header) + 1);
        *epoch = batch.header.leader_epoch;
    }
    if (it.code) /* the bytes are handed on: whoever reads them says what is wrong */
        return records;
    return kb_slice_of(records.data, records.size - it.rest.size);
}

static void take_data(struct reading *r, struct kc_fetch *fetch,
                      const struct kw_fetch_response_partition *p)
{
    int64_t next = fetch->position;
    int32_t epoch = fetch->position_epoch;
    struct kb_slice bytes = whole_batches(p->records, &next, &epoch);
    if (!bytes.size) { /* not even one batch: an old broker cut it to our limit */
        tell(r, fetch, KB_E_MESSAGE_TOO_LARGE);
        kc_fetch_wait(r->fetcher, fetch, r->now);
        return;
    }
    struct kc_fetched *row = kc_fetched_add(r->out, r->arena, KC_FETCHED_DATA, fetch);
    if (!row) {
        kc_fetch_wait(r->fetcher, fetch, r->now);
        return;
    }
    row->bytes = bytes;
    row->end = kc_fetch_end(r->fetcher, fetch);
    if (r->fetcher->options->isolation_level == KC_READ_COMMITTED) {
        row->aborted = p->aborted_transactions;
        row->aborted_count = p->aborted_transactions_count;
    }
    row->next = next;
    row->leader_epoch = epoch;
    fetch->position = next;
    fetch->position_epoch = epoch;
    fetch->end_told = false;
}

static void take_end(struct reading *r, struct kc_fetch *fetch)
{
    if (fetch->end_told || fetch->position < kc_fetch_end(r->fetcher, fetch))
        return;
    if (kc_fetched_add(r->out, r->arena, KC_FETCHED_END, fetch)) {
        fetch->end_told = true;
        return;
    }
    kc_fetch_wait(r->fetcher, fetch, r->now);
    kc_fetch_hear_end(r->fetcher, fetch);
}

static void take_partition(struct reading *r, struct kc_fetch *fetch,
                           const struct kw_fetch_response_partition *p)
{
    if (fetch->flight_version != fetch->version || fetch->flight_node != r->node ||
        fetch->state != KC_FETCH_READY)
        return; /* sought, or asked of another meanwhile */
    if (fetch->topic_generation != fetch->topic->generation) { /* could not be told yet */
        kc_fetch_lost_topic(r->fetcher, r->now, fetch, r->arena, r->out);
        return;
    }
    if (p->error_code) {
        refuse(r, fetch, p->error_code);
        return;
    }
    fetch->high_watermark = p->high_watermark;
    fetch->stable_offset = p->last_stable_offset < 0 || p->last_stable_offset > p->high_watermark
                               ? p->high_watermark /* none is held back, or not told */
                               : p->last_stable_offset;
    fetch->log_start = p->log_start_offset;
    if (p->records.size)
        take_data(r, fetch, p);
    if (r->fetcher->options->enable_partition_eof)
        take_end(r, fetch);
}

static struct kc_fetch *find(const struct kc_fetcher_node *node,
                             const struct kw_fetch_response_topic *topic, int32_t partition)
{
    bool by_id = !kb_uuid_is_zero(topic->topic_id);
    KB_LIST_EACH(it, &node->flight) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, flight);
        if (fetch->partition == partition &&
            (by_id ? kb_uuid_equal(fetch->topic->id, topic->topic_id)
                   : kb_slice_is(topic->topic, fetch->topic->name)))
            return fetch;
    }
    return NULL;
}

/* Answers name partitions mostly in the order they were asked for: what was
 * found goes to the end, so that the next stands in front. */
static struct kc_fetch *find_next(struct kc_fetcher_node *node,
                                  const struct kw_fetch_response_topic *topic, int32_t partition)
{
    struct kc_fetch *fetch = find(node, topic, partition);
    if (fetch) {
        kb_list_remove(&fetch->flight);
        kb_list_push_back(&node->flight, &fetch->flight);
    }
    return fetch;
}

static void continue_session(struct kc_fetcher *fetcher, struct kc_fetcher_node *node,
                             const struct kw_fetch_response *response)
{
    node->no_sessions = response->session_id == 0;
    if (node->no_sessions) {
        kc_fetcher_session_reset(fetcher, node);
        return;
    }
    bool fresh = node->session_id != response->session_id || node->session_epoch == 0;
    node->session_id = response->session_id;
    node->session_epoch = fresh || node->session_epoch == INT32_MAX ? 1 : node->session_epoch + 1;
    if (node->anew)
        node->session_epoch = 0;
}

static bool session_lost(int32_t code)
{
    return code == KB_E_FETCH_SESSION_ID_NOT_FOUND || code == KB_E_INVALID_FETCH_SESSION_EPOCH ||
           code == KB_E_FETCH_SESSION_TOPIC_ID_ERROR;
}

static void take_topics(struct reading *r, struct kc_fetcher_node *node,
                        const struct kw_fetch_response *response)
{
    for (int32_t t = 0; t < response->responses_count; t++) {
        const struct kw_fetch_response_topic *topic = &response->responses[t];
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            const struct kw_fetch_response_partition *p = &topic->partitions[i];
            struct kc_fetch *fetch = find_next(node, topic, p->partition_index);
            if (fetch)
                take_partition(r, fetch, p);
        }
    }
}

void kc_fetcher_answer(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id,
                       const struct kw_fetch_response *response, struct kb_arena *arena,
                       struct kc_fetched_list *out)
{
    struct kc_fetcher_node *node = kc_fetcher_node_find(fetcher, node_id);
    struct reading r = {fetcher, now, node_id, arena, out};
    if (!node || !node->in_flight)
        return;
    if (session_lost(response->error_code)) {
        kc_fetcher_session_reset(fetcher, node);
        node->session_id = 0;
    } else if (response->error_code) {
        kc_fetcher_failure(fetcher, now, node_id);
    } else {
        continue_session(fetcher, node, response);
        take_topics(&r, node, response);
    }
    while (kb_list_pop_front(&node->flight))
        ;
    node->in_flight = node->anew = false;
}

/* ---- ListOffsets ---------------------------------------------------------------*/

static void take_offset(struct reading *r, struct kc_fetch *fetch,
                        const struct kw_list_offsets_response_partition *p)
{
    fetch->state = KC_FETCH_RESET;
    if (p->error_code) {
        if (verdict_of(p->error_code) == TELL)
            tell(r, fetch, p->error_code);
        r->fetcher->wants_metadata = true;
        kc_fetch_wait(r->fetcher, fetch, r->now);
        return;
    }
    fetch->state = KC_FETCH_READY;
    fetch->position = fetch->start = p->offset;
    fetch->position_epoch = p->leader_epoch;
    fetch->not_before_ms = 0;
    kc_fetch_hear_end(r->fetcher, fetch);
}

static struct kc_fetch *find_asked(const struct kc_fetcher *fetcher, int32_t node,
                                   struct kb_slice topic, int32_t partition)
{
    KB_LIST_EACH(it, &fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (fetch->state == KC_FETCH_ASKED && fetch->asked_node == node &&
            fetch->partition == partition && kb_slice_is(topic, fetch->topic->name))
            return fetch;
    }
    return NULL;
}

void kc_fetcher_answer_offsets(struct kc_fetcher *fetcher, struct kb_time now, int32_t node_id,
                               const struct kw_list_offsets_response *response,
                               struct kb_arena *arena, struct kc_fetched_list *out)
{
    struct kc_fetcher_node *node = kc_fetcher_node_find(fetcher, node_id);
    struct reading r = {fetcher, now, node_id, arena, out};
    if (!node || !node->asked)
        return;
    for (int32_t t = 0; t < response->topics_count; t++) {
        const struct kw_list_offsets_response_topic *topic = &response->topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            const struct kw_list_offsets_response_partition *p = &topic->partitions[i];
            struct kc_fetch *fetch = find_asked(fetcher, node_id, topic->name, p->partition_index);
            if (fetch)
                take_offset(&r, fetch, p);
        }
    }
    /* What was asked for and not answered is asked for again. */
    bool refreshes = fetcher->wants_metadata;
    kc_fetcher_failure_offsets(fetcher, now, node_id);
    fetcher->wants_metadata = refreshes;
}
