/* SPDX-License-Identifier: Apache-2.0 */
/* Which request is next, and its bytes. */
#include "base/arena.h"
#include "base/check.h"
#include "libclient/core/txn/txn_response.h"
#include "wire/api.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum {
    EXPLICIT, /* versions under which partitions and offsets are added by hand */
    IMPLICIT,
    KINDS
};

/* Versions: those of transactions of version 1, and of version 2. */
static const struct {
    int16_t api_key, min[KINDS], max[KINDS];
} asks[KC_TXN_ASKS] = {
    [KC_TXN_FIND] = {KW_API_FIND_COORDINATOR,
                     {KC_FIND_MIN_TXN, KC_FIND_MIN_TXN},
                     {KC_FIND_MAX, KC_FIND_MAX}},
    [KC_TXN_FIND_GROUP] = {KW_API_FIND_COORDINATOR,
                           {KC_FIND_MIN, KC_FIND_MIN},
                           {KC_FIND_MAX, KC_FIND_MAX}},
    [KC_TXN_INIT] = {KW_API_INIT_PRODUCER_ID, {0, 0}, {5, 5}},
    [KC_TXN_ADD_PARTITIONS] = {KW_API_ADD_PARTITIONS_TO_TXN, {0, 0}, {3, 3}},
    [KC_TXN_ADD_OFFSETS] = {KW_API_ADD_OFFSETS_TO_TXN, {0, 0}, {4, 4}},
    [KC_TXN_COMMIT_OFFSETS] = {KW_API_TXN_OFFSET_COMMIT, {3, 5}, {4, 5}}, /* KIP-447 */
    [KC_TXN_END] = {KW_API_END_TXN, {0, 5}, {4, 5}},
};

struct kc_finder *kc_txn_finder_of(struct kc_txn *txn, enum kc_txn_ask ask)
{
    bool of_group = ask == KC_TXN_COMMIT_OFFSETS || ask == KC_TXN_FIND_GROUP;
    return of_group ? &txn->group_finder : &txn->finder;
}

static enum kc_txn_ask of_open(const struct kc_txn *txn)
{
    if (!kb_list_empty(&txn->wanted))
        return KC_TXN_ADD_PARTITIONS;
    if (txn->offsets)
        return txn->implicit || txn->group_added ? KC_TXN_COMMIT_OFFSETS : KC_TXN_ADD_OFFSETS;
    return txn->state == KC_TXN_COMMITTING && txn->drained ? KC_TXN_END : KC_TXN_ASK_NONE;
}

/* Not looking at whether its coordinator is known. */
static enum kc_txn_ask due(const struct kc_txn *txn)
{
    switch (txn->state) {
    case KC_TXN_INITIALISING:
    case KC_TXN_RECOVERING:
        return KC_TXN_INIT;
    case KC_TXN_OPEN:
    case KC_TXN_COMMITTING:
        return of_open(txn);
    case KC_TXN_ABORTING:
        return txn->drained ? KC_TXN_END : KC_TXN_ASK_NONE;
    default:
        return KC_TXN_ASK_NONE;
    }
}

/* What it may bring about, should no answer come. */
static void leaves(struct kc_txn *txn, enum kc_txn_ask ask)
{
    if (ask == KC_TXN_ADD_PARTITIONS)
        KB_LIST_EACH(it, &txn->wanted)
            KB_CONTAINER(it, struct kc_txn_part, link)->maybe = true;
    txn->group_maybe |= ask == KC_TXN_ADD_OFFSETS;
    txn->touched |= ask == KC_TXN_COMMIT_OFFSETS;
    txn->decided |= ask == KC_TXN_END;
}

bool kc_txn_plan(struct kc_txn *txn, struct kb_time now, struct kc_txn_request *out)
{
    if (!txn->flight && txn->drained)
        kc_txn_drained(txn); /* perhaps that is all */
    enum kc_txn_ask ask = due(txn);
    if (txn->flight || !ask)
        return false;
    struct kc_finder *finder = kc_txn_finder_of(txn, ask);
    if (finder->node < 0) {
        kc_finder_want(finder);
        if (!kc_finder_ask(finder, now))
            return false;
        ask = finder->type == KC_FIND_TXN ? KC_TXN_FIND : KC_TXN_FIND_GROUP;
    } else if (txn->not_before_ms > now.mono_ms) {
        return false;
    }
    leaves(txn, ask);
    int kind = txn->implicit ? IMPLICIT : EXPLICIT;
    *out = (struct kc_txn_request){.ask = ask,
                                   .api_key = asks[ask].api_key,
                                   .min_version = asks[ask].min[kind],
                                   .max_version = asks[ask].max[kind],
                                   .node = finder->node};
    enum { WITH_EPOCH = 3 }; /* KIP-360 */
    if (ask == KC_TXN_INIT && txn->producer_id >= 0)
        out->min_version = WITH_EPOCH;
    txn->flight = ask;
    return true;
}

int64_t kc_txn_deadline_ms(const struct kc_txn *txn)
{
    int64_t at = txn->offsets ? txn->offsets->deadline_ms : KB_NEVER;
    enum kc_txn_ask ask = due(txn);
    if (txn->flight || !ask)
        return at;
    const struct kc_finder *finder = kc_txn_finder_of((struct kc_txn *)(uintptr_t)txn, ask);
    return KB_MIN(at, finder->node < 0 ? finder->not_before_ms : txn->not_before_ms);
}

void kc_txn_tick(struct kc_txn *txn, struct kb_time now)
{
    if (txn->offsets && txn->offsets->deadline_ms <= now.mono_ms)
        kc_txn_fail(txn, KB_E_TIMED_OUT, "the group's positions could not be sent");
}

/* ---- Bytes ------------------------------------------------------------------------- */

static int written(const struct kw_writer *w, bool ok)
{
    if (ok)
        return 0;
    return w->fault && strcmp(w->fault, "out of memory") ? KB_E_UNSUPPORTED : KB_E_NO_MEMORY;
}

static int encode_init(struct kc_txn *txn, int16_t version, struct kw_writer *w)
{
    struct kw_init_producer_id_request request;
    kw_init_producer_id_request_init(&request);
    request.transactional_id = kb_slice_str(txn->options.id);
    request.transaction_timeout_ms = txn->options.timeout_ms;
    request.producer_id = txn->producer_id;
    request.producer_epoch = txn->epoch;
    return written(w, kw_init_producer_id_request_encode(w, version, &request));
}

static struct kw_add_partitions_to_txn_request_topic *topic_named(
    struct kw_add_partitions_to_txn_request *request, const char *name)
{
    for (int32_t i = 0; i < request->v3_and_below_topics_count; i++)
        if (kb_slice_is(request->v3_and_below_topics[i].name, name))
            return &request->v3_and_below_topics[i];
    struct kw_add_partitions_to_txn_request_topic *topic =
        &request->v3_and_below_topics[request->v3_and_below_topics_count++];
    kw_add_partitions_to_txn_request_topic_init(topic);
    topic->name = kb_slice_str(name);
    return topic;
}

static int encode_partitions(struct kc_txn *txn, struct kb_arena *arena, int16_t version,
                             struct kw_writer *w)
{
    struct kw_add_partitions_to_txn_request request;
    size_t count = 0;
    KB_LIST_EACH(it, &txn->wanted)
        count += KB_CONTAINER(it, struct kc_txn_part, link)->maybe;
    kw_add_partitions_to_txn_request_init(&request);
    request.v3_and_below_transactional_id = kb_slice_str(txn->options.id);
    request.v3_and_below_producer_id = txn->producer_id;
    request.v3_and_below_producer_epoch = txn->epoch;
    request.v3_and_below_topics = kb_arena_array(arena, count, sizeof *request.v3_and_below_topics);
    int32_t *numbers = kb_arena_array(arena, count, sizeof *numbers);
    if (count && (!request.v3_and_below_topics || !numbers))
        return KB_E_NO_MEMORY;
    /* First how many of each topic, then where they go, then they. */
    KB_LIST_EACH(it, &txn->wanted) {
        const struct kc_txn_part *part = KB_CONTAINER(it, struct kc_txn_part, link);
        if (part->maybe)
            topic_named(&request, part->topic)->partitions_count++;
    }
    for (int32_t i = 0; i < request.v3_and_below_topics_count; i++) {
        struct kw_add_partitions_to_txn_request_topic *topic = &request.v3_and_below_topics[i];
        topic->partitions = numbers;
        numbers += topic->partitions_count;
        topic->partitions_count = 0;
    }
    KB_LIST_EACH(it, &txn->wanted) {
        const struct kc_txn_part *part = KB_CONTAINER(it, struct kc_txn_part, link);
        if (!part->maybe)
            continue;
        struct kw_add_partitions_to_txn_request_topic *topic = topic_named(&request, part->topic);
        topic->partitions[topic->partitions_count++] = part->index;
    }
    return written(w, kw_add_partitions_to_txn_request_encode(w, version, &request));
}

static int encode_group(struct kc_txn *txn, int16_t version, struct kw_writer *w)
{
    struct kw_add_offsets_to_txn_request request;
    kw_add_offsets_to_txn_request_init(&request);
    request.transactional_id = kb_slice_str(txn->options.id);
    request.producer_id = txn->producer_id;
    request.producer_epoch = txn->epoch;
    request.group_id = kb_slice_str(txn->group);
    return written(w, kw_add_offsets_to_txn_request_encode(w, version, &request));
}

static void write_row(struct kw_txn_offset_commit_request *request,
                      struct kw_txn_offset_commit_request_partition *out,
                      const struct kc_txn_offset *row)
{
    kw_txn_offset_commit_request_partition_init(out);
    out->partition_index = row->partition;
    out->committed_offset = row->offset;
    out->committed_leader_epoch = row->leader_epoch;
    out->committed_metadata = kb_slice_str(row->metadata ? row->metadata : "");
    struct kw_txn_offset_commit_request_topic *last =
        request->topics_count ? &request->topics[request->topics_count - 1] : NULL;
    if (!last || !kb_slice_is(last->name, row->topic)) {
        last = &request->topics[request->topics_count++];
        kw_txn_offset_commit_request_topic_init(last);
        last->name = kb_slice_str(row->topic);
        last->partitions = out;
    }
    last->partitions_count++;
}

static int encode_offsets(struct kc_txn *txn, struct kb_arena *arena, int16_t version,
                          struct kw_writer *w)
{
    const struct kc_txn_offsets *offsets = txn->offsets;
    struct kw_txn_offset_commit_request request;
    struct kw_txn_offset_commit_request_partition *rows =
        offsets ? kb_arena_array(arena, offsets->count, sizeof *rows) : NULL;
    kw_txn_offset_commit_request_init(&request);
    if (rows)
        request.topics = kb_arena_array(arena, offsets->count, sizeof *request.topics);
    if (!rows || !request.topics)
        return offsets ? KB_E_NO_MEMORY : KB_E_INTERRUPTED; /* aborted before it could leave */
    request.transactional_id = kb_slice_str(txn->options.id);
    request.group_id = kb_slice_str(offsets->group);
    request.producer_id = txn->producer_id;
    request.producer_epoch = txn->epoch;
    request.generation_id = offsets->generation;
    request.member_id = kb_slice_str(offsets->member);
    if (offsets->instance)
        request.group_instance_id = kb_slice_str(offsets->instance);
    for (size_t i = 0; i < offsets->count; i++)
        write_row(&request, &rows[i], &offsets->rows[i]);
    return written(w, kw_txn_offset_commit_request_encode(w, version, &request));
}

static int encode_end(struct kc_txn *txn, int16_t version, struct kw_writer *w)
{
    struct kw_end_txn_request request;
    kw_end_txn_request_init(&request);
    request.transactional_id = kb_slice_str(txn->options.id);
    request.producer_id = txn->producer_id;
    request.producer_epoch = txn->epoch;
    request.committed = txn->state == KC_TXN_COMMITTING;
    return written(w, kw_end_txn_request_encode(w, version, &request));
}

int kc_txn_encode(struct kc_txn *txn, struct kb_arena *arena, int16_t version, struct kw_writer *w)
{
    switch (txn->flight) {
    case KC_TXN_INIT:
        return encode_init(txn, version, w);
    case KC_TXN_ADD_PARTITIONS:
        return encode_partitions(txn, arena, version, w);
    case KC_TXN_ADD_OFFSETS:
        return encode_group(txn, version, w);
    case KC_TXN_COMMIT_OFFSETS:
        return encode_offsets(txn, arena, version, w);
    case KC_TXN_END:
        return encode_end(txn, version, w);
    default:
        return written(
            w, kc_finder_encode(kc_txn_finder_of(txn, (enum kc_txn_ask)txn->flight), w, version));
    }
}

bool kc_txn_decode(const struct kc_txn *txn, struct kw_reader *body, int16_t version,
                   struct kb_arena *arena, struct kc_txn_response *out)
{
    *out = (struct kc_txn_response){.version = version};
#define DECODE(api, to)                                                                            \
    (kw_##api##_response_decode(body, version, arena, &out->to) &&                                 \
     (out->throttle_ms = out->to.throttle_time_ms, true))
    switch (txn->flight) {
    case KC_TXN_INIT:
        return DECODE(init_producer_id, init);
    case KC_TXN_ADD_PARTITIONS:
        return DECODE(add_partitions_to_txn, partitions);
    case KC_TXN_ADD_OFFSETS:
        return DECODE(add_offsets_to_txn, offsets);
    case KC_TXN_COMMIT_OFFSETS:
        return DECODE(txn_offset_commit, commit);
    case KC_TXN_END:
        return DECODE(end_txn, end);
    default:
        return DECODE(find_coordinator, find);
    }
#undef DECODE
}
