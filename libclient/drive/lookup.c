/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/lookup.h"
#include "base/check.h"
#include "libclient/drive/consumer.h"
#include "libclient/drive/membership.h"
#include "libclient/drive/verdict.h"
#include "wire/reader.h"
#include "wire/writer.h"
#include <stdlib.h>
#include <string.h>

enum {
    OFFSET_FETCH = 9,
    MIN_VERSION = 1,
    STABLE = 7,   /* the first that may ask for what no open transaction commits */
    BY_GROUP = 8, /* the first that asks for several groups */
    BY_NAME = 9,  /* the last that names topics */
    MAX_VERSION = 10,
    ARENA_BYTES = 16 << 20
};

static struct kb_time now_of(const struct kc_lookup *l)
{
    return kn_loop_now(kc_client_loop(l->consumer->client));
}

/* Offsets are read as nobody in particular. */
static void heard(struct kc_lookup *l, int32_t code)
{
    kc_membership_heard(l->consumer->membership, -1, code);
}

/* ---- Asking --------------------------------------------------------------------*/

static int by_place(const void *a, const void *b)
{
    const struct kc_lookup_row *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static size_t run_of(const struct kc_lookup *l, size_t i)
{
    size_t n = 1;
    while (i + n < l->count && !strcmp(l->rows[i].topic, l->rows[i + n].topic))
        n++;
    return n;
}

static struct kb_uuid id_of(const struct kc_lookup *l, const char *name)
{
    const struct kc_topic *topic = kc_metadata_topic(&l->consumer->client->metadata, name);
    return topic ? topic->id : (struct kb_uuid){{0}};
}

/* The unsettled partitions of the topic that begins at row i. */
static int32_t *partitions_of(struct kc_lookup *l, size_t i, size_t n, int32_t *count)
{
    int32_t *partitions = kb_arena_array(&l->request_arena, n, sizeof *partitions);
    *count = 0;
    for (size_t k = i; partitions && k < i + n; k++)
        if (!l->rows[k].settled)
            partitions[(*count)++] = l->rows[k].partition;
    return partitions;
}

static bool write_group(struct kc_lookup *l)
{
    struct kw_offset_fetch_request_group *group = kb_arena_alloc(&l->request_arena, sizeof *group);
    struct kw_offset_fetch_request_group_topic *topics =
        kb_arena_array(&l->request_arena, l->count, sizeof *topics);
    if (!group || !topics)
        return false;
    kw_offset_fetch_request_group_init(group);
    group->group_id = kb_slice_str(l->consumer->options->group_id);
    group->topics = topics;
    for (size_t i = 0, n; i < l->count; i += n) {
        struct kw_offset_fetch_request_group_topic *topic = &topics[group->topics_count];
        n = run_of(l, i);
        kw_offset_fetch_request_group_topic_init(topic);
        topic->name = kb_slice_str(l->rows[i].topic);
        topic->topic_id = id_of(l, l->rows[i].topic);
        topic->partition_indexes = partitions_of(l, i, n, &topic->partition_indexes_count);
        if (!topic->partition_indexes)
            return false;
        group->topics_count += topic->partition_indexes_count > 0;
    }
    l->request.groups = group;
    l->request.groups_count = 1;
    return true;
}

static bool write_topics(struct kc_lookup *l)
{
    struct kw_offset_fetch_request_topic *topics =
        kb_arena_array(&l->request_arena, l->count, sizeof *topics);
    if (!topics)
        return false;
    l->request.group_id = kb_slice_str(l->consumer->options->group_id);
    l->request.topics = topics;
    l->request.topics_count = 0;
    for (size_t i = 0, n; i < l->count; i += n) {
        struct kw_offset_fetch_request_topic *topic = &topics[l->request.topics_count];
        n = run_of(l, i);
        kw_offset_fetch_request_topic_init(topic);
        topic->name = kb_slice_str(l->rows[i].topic);
        topic->partition_indexes = partitions_of(l, i, n, &topic->partition_indexes_count);
        if (!topic->partition_indexes)
            return false;
        l->request.topics_count += topic->partition_indexes_count > 0;
    }
    return true;
}

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_lookup *l = KB_CONTAINER(ask, struct kc_lookup, ask);
    kb_arena_reset(&l->request_arena);
    kw_offset_fetch_request_init(&l->request);
    l->request.require_stable = version >= STABLE; /* whoever begins there must not repeat */
    bool written = version >= BY_GROUP ? write_group(l) : write_topics(l);
    return written && kw_offset_fetch_request_encode(out, version, &l->request) ? 0
                                                                                : KB_E_NO_MEMORY;
}

static int16_t max_version(const struct kc_lookup *l)
{
    for (size_t i = 0; i < l->count; i += run_of(l, i))
        if (l->by_name || kb_uuid_is_zero(id_of(l, l->rows[i].topic)))
            return BY_NAME;
    return MAX_VERSION;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer);

/* The coordinator is refused us: at the next turn, since begin tells nothing. */
static void refuse(struct kc_lookup *l, const struct kb_error *why)
{
    l->trouble = *why;
    l->refused = true;
    kn_timer_set(kc_client_loop(l->consumer->client), &l->timer, now_of(l).mono_ms);
}

void kc_lookup_look(struct kc_lookup *l)
{
    const struct kc_common_options *common = &l->consumer->client->options->common;
    if (l->asking || l->not_before_ms > now_of(l).mono_ms)
        return;
    struct kb_error why;
    int32_t node = kc_membership_coordinator(l->consumer->membership, &why);
    if (node < 0) { /* it is looked for, and kc_lookups_look called once it is known */
        if (!(why.classes & KB_RETRIABLE))
            refuse(l, &why);
        return;
    }
    l->ask = (struct kc_ask){.api_key = OFFSET_FETCH,
                             .min_version = MIN_VERSION,
                             .max_version = max_version(l),
                             .deadline_ms = kb_deadline(now_of(l), common->request_timeout_ms),
                             .encode = encode,
                             .on_answer = on_answer};
    l->asking = true;
    kc_client_ask(l->consumer->client, node, &l->ask);
}

/* ---- Answers -------------------------------------------------------------------*/

static struct kc_lookup_row *find_row(struct kc_lookup *l, struct kb_slice topic, int32_t partition)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct kc_lookup_row *row = &l->rows[middle];
        int order = kb_slice_compare(kb_slice_str(row->topic), topic);
        if (!order)
            order = (row->partition > partition) - (row->partition < partition);
        if (!order)
            return row;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Of the whole answer, or of one row: true if that row is settled by it. */
static bool settles(struct kc_lookup *l, int32_t code)
{
    enum kc_verdict verdict = kc_verdict_of_lookup(code);
    if (verdict == KC_VERDICT_ELSEWHERE)
        heard(l, code);
    l->by_name |= verdict == KC_VERDICT_BY_ITS_NAME;
    if (verdict != KC_VERDICT_SETTLED)
        kb_error_set(&l->trouble, code, "%s", kb_code_text(code));
    return verdict == KC_VERDICT_SETTLED;
}

static void settle_all(struct kc_lookup *l, int32_t code)
{
    for (size_t i = 0; i < l->count; i++) {
        l->rows[i].code = l->rows[i].settled ? l->rows[i].code : code;
        l->rows[i].settled = true;
    }
}

struct told {
    int32_t partition, leader_epoch, code;
    int64_t offset;
    struct kb_slice metadata;
};

/* One row of an answer; its arena is reset by the next, so the words are kept. */
static void take_row(struct kc_lookup *l, struct kb_slice topic, const struct told *told)
{
    struct kc_lookup_row *row = find_row(l, topic, told->partition);
    if (!row || row->settled || !settles(l, told->code))
        return;
    row->settled = true;
    row->code = told->code;
    row->offset = told->offset;
    row->leader_epoch = told->leader_epoch;
    const char *words = told->metadata.size ? kb_arena_strdup(&l->arena, told->metadata) : NULL;
    row->metadata = words ? kb_slice_of(words, told->metadata.size) : (struct kb_slice){0};
}

static void take_topics(struct kc_lookup *l, const struct kw_offset_fetch_response *r)
{
    for (int32_t t = 0; t < r->topics_count; t++)
        for (int32_t i = 0; i < r->topics[t].partitions_count; i++) {
            const struct kw_offset_fetch_response_partition *p = &r->topics[t].partitions[i];
            take_row(l, r->topics[t].name,
                     &(struct told){p->partition_index, p->committed_leader_epoch, p->error_code,
                                    p->committed_offset, p->metadata});
        }
}

/* A topic's name, also where the answer has its id alone. */
static struct kb_slice name_of(const struct kc_lookup *l,
                               const struct kw_offset_fetch_response_group_topic *topic)
{
    const struct kc_topic *known =
        topic->name.size ? NULL
                         : kc_metadata_topic_by_id(&l->consumer->client->metadata, topic->topic_id);
    return known ? kb_slice_str(known->name) : topic->name;
}

static void take_group(struct kc_lookup *l, const struct kw_offset_fetch_response_group *group)
{
    for (int32_t t = 0; t < group->topics_count; t++) {
        const struct kw_offset_fetch_response_group_topic *topic = &group->topics[t];
        struct kb_slice name = name_of(l, topic);
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            const struct kw_offset_fetch_response_group_topic_partition *p = &topic->partitions[i];
            take_row(l, name,
                     &(struct told){p->partition_index, p->committed_leader_epoch, p->error_code,
                                    p->committed_offset, p->metadata});
        }
    }
}

static void take(struct kc_lookup *l, const struct kw_offset_fetch_response *r)
{
    const struct kw_offset_fetch_response_group *group = r->groups_count > 0 ? r->groups : NULL;
    int32_t code = group ? group->error_code : r->error_code;
    if (code && settles(l, code))
        settle_all(l, code);
    else if (!code && group)
        take_group(l, group);
    else if (!code)
        take_topics(l, r);
}

static bool all_settled(const struct kc_lookup *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (!l->rows[i].settled)
            return false;
    return true;
}

/* Ends, or looks again after a backoff. */
static void look_back(struct kc_lookup *l)
{
    struct kb_error none;
    kb_error_clear(&none);
    if (all_settled(l)) {
        l->on_done(l, &none);
        return;
    }
    if (now_of(l).mono_ms >= l->deadline_ms) {
        l->on_done(l, &l->trouble);
        return;
    }
    l->not_before_ms =
        now_of(l).mono_ms + kc_backoff_next_ms(&l->backoff, &l->consumer->client->runtime->random);
    kn_timer_set(kc_client_loop(l->consumer->client), &l->timer,
                 KB_MIN(l->not_before_ms, l->deadline_ms));
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_lookup *l = KB_CONTAINER(ask, struct kc_lookup, ask);
    struct kb_arena arena;
    struct kw_offset_fetch_response response;
    l->asking = false;
    kb_arena_init(&arena, ARENA_BYTES);
    if (answer->err) {
        l->trouble = *answer->err;
        heard(l, KB_E_COORDINATOR_NOT_AVAILABLE);
    } else if (kw_offset_fetch_response_decode(answer->body, answer->version, &arena, &response)) {
        take(l, &response);
    } else {
        kb_error_set(&l->trouble, KB_E_PROTOCOL,
                     "an answer to OffsetFetch v%d that cannot be read: %s", answer->version,
                     answer->body->fault ? answer->body->fault : "no memory");
    }
    kb_arena_deinit(&arena);
    look_back(l);
}

/* ---- Life ----------------------------------------------------------------------*/

/* A backoff is over, or the deadline has come while there was no coordinator. */
static void on_timer(struct kn_timer *timer)
{
    struct kc_lookup *l = KB_CONTAINER(timer, struct kc_lookup, timer);
    if (l->asking)
        return;
    if (l->refused || now_of(l).mono_ms >= l->deadline_ms) {
        l->on_done(l, &l->trouble);
        return;
    }
    kn_timer_set(kc_client_loop(l->consumer->client), &l->timer, l->deadline_ms);
    kc_lookup_look(l);
}

void kc_lookup_begin(struct kc_lookup *l)
{
    const struct kc_common_options *common = &l->consumer->client->options->common;
    kb_list_push_back(&l->consumer->lookups, &l->all);
    kb_arena_init(&l->request_arena, ARENA_BYTES);
    kb_arena_init(&l->arena, ARENA_BYTES);
    kc_backoff_init(&l->backoff, common->retry_backoff_ms, common->retry_backoff_max_ms);
    kb_error_set(&l->trouble, KB_E_TIMED_OUT, "the group's coordinator is not known (yet)");
    kn_timer_init(&l->timer, on_timer);
    l->asking = l->by_name = l->refused = false;
    l->not_before_ms = 0;
    if (l->count)
        qsort(l->rows, l->count, sizeof *l->rows, by_place);
    for (size_t i = 0; i < l->count; i++) {
        l->rows[i].settled = false;
        l->rows[i].offset = l->rows[i].leader_epoch = -1;
    }
    kn_timer_set(kc_client_loop(l->consumer->client), &l->timer, now_of(l).mono_ms);
}

void kc_lookup_deinit(struct kc_lookup *l)
{
    kb_list_remove(&l->all);
    kn_timer_cancel(kc_client_loop(l->consumer->client), &l->timer);
    if (l->asking)
        kc_ask_cancel(&l->ask);
    kb_arena_deinit(&l->request_arena);
    kb_arena_deinit(&l->arena);
}

void kc_lookups_look(struct kurier_consumer *consumer)
{
    KB_LIST_EACH(it, &consumer->lookups)
        kc_lookup_look(KB_CONTAINER(it, struct kc_lookup, all));
}

void kc_lookups_end(struct kurier_consumer *consumer)
{
    struct kb_error closed;
    kb_error_set(&closed, KB_E_CLOSED, "the consumer was closed");
    while (!kb_list_empty(&consumer->lookups)) {
        struct kc_lookup *l = KB_CONTAINER(consumer->lookups.next, struct kc_lookup, all);
        l->on_done(l, &closed);
    }
}
