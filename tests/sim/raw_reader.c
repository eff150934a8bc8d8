/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/raw_reader.h"

#include "base/arena.h"
#include "base/check.h"
#include "wire/api.h"
#include "wire/compress.h"
#include "wire/gen/fetch.h"
#include "wire/record.h"

#include <inttypes.h>

enum { PARTITIONS = WORLD_PARTITIONS, BODY_MAX = 1 << 20, FETCH_VERSION = 11 };

static void fetch(struct raw_reader *r);

/* ---- What was aborted --------------------------------------------------- */

/* Producers whose records are to be dropped, of one partition's answer. */
struct drops {
    const struct kw_fetch_response_partition *row;
    int64_t producers[RAW_READER_DROPS];
    int count;
};

static int find_drop(const struct drops *drops, int64_t producer)
{
    for (int i = 0; i < drops->count; i++)
        if (drops->producers[i] == producer)
            return i;
    return -1;
}

/* The answer names each by where it begins, in no order. */
static void begin_drops(struct drops *drops, const struct kw_batch_header *header)
{
    for (int32_t i = 0; i < drops->row->aborted_transactions_count; i++) {
        const struct kw_fetch_response_aborted_transaction *aborted =
            &drops->row->aborted_transactions[i];
        bool begun = aborted->producer_id == header->producer_id &&
                     aborted->first_offset <= kw_batch_header_last_offset(header);
        if (!begun || find_drop(drops, aborted->producer_id) >= 0)
            continue;
        KB_CHECK(drops->count < RAW_READER_DROPS);
        drops->producers[drops->count++] = aborted->producer_id;
        drops->row->aborted_transactions[i].producer_id = -1; /* taken */
    }
}

static bool is_abort(const struct kw_batch *batch)
{
    struct kw_record_iter it;
    struct kw_record record;
    struct kw_control control;
    kw_record_iter_init(&it, &batch->header, batch->records);
    return kw_record_iter_next(&it, &record) && kw_control_parse(&record, &control) &&
           control.type == KW_CONTROL_ABORT;
}

static void end_drop(struct drops *drops, const struct kw_batch *batch)
{
    int at = find_drop(drops, batch->header.producer_id);
    if (at >= 0 && is_abort(batch))
        drops->producers[at] = drops->producers[--drops->count];
}

/* ---- What is read ------------------------------------------------------- */

static void see_records(struct raw_reader *r, int32_t partition, const struct kw_batch *batch)
{
    enum { PLAIN_MAX = 1 << 24 };
    struct kw_record_iter it;
    struct kw_record record;
    struct kb_slice plain;
    int code = kw_decompress_view(r->codecs, (enum kw_codec)kw_batch_header_codec(&batch->header),
                                  batch->records, PLAIN_MAX, &plain, NULL);
    KB_CHECK(!code);
    kw_record_iter_init(&it, &batch->header, plain);
    while (kw_record_iter_next(&it, &record))
        if (record.offset >= r->places[partition].next)
            r->see(&r->run->history, r->topic, partition, record.offset, record.value);
    KB_CHECK(it.code == 0);
}

static void trace(struct raw_reader *r, int32_t partition, const struct kw_batch *batch)
{
    const struct kw_batch_header *header = &batch->header;
    bool control = header->attributes & KW_BATCH_CONTROL;
    if (header->attributes & KW_BATCH_TRANSACTIONAL)
        world_trace(&r->run->world, "  %s: %s-%d at %" PRId64 ": %s of %" PRId64 "/%d",
                    r->committed ? "committed" : "all", r->name, partition, header->base_offset,
                    !control          ? "records"
                    : is_abort(batch) ? "abort"
                                      : "commit",
                    header->producer_id, header->producer_epoch);
}

/* False: no further in this partition. */
static bool see_batch(struct raw_reader *r, struct drops *drops, const struct kw_batch *batch)
{
    struct raw_place *place = &r->places[drops->row->partition_index];
    int64_t behind = kw_batch_header_last_offset(&batch->header) + 1;
    bool transactional = batch->header.attributes & KW_BATCH_TRANSACTIONAL;
    if (kw_batch_check_crc(batch, NULL)) {
        run_complain(r->run, "a torn batch is served");
        return false;
    }
    if (r->committed && behind > drops->row->last_stable_offset)
        run_complain(r->run, "a reader of what is committed gets what is open");
    trace(r, drops->row->partition_index, batch);
    begin_drops(drops, &batch->header);
    if (batch->header.attributes & KW_BATCH_CONTROL)
        end_drop(drops, batch);
    else if (!transactional || find_drop(drops, batch->header.producer_id) < 0)
        see_records(r, drops->row->partition_index, batch);
    place->next = KB_MAX(place->next, behind);
    return true;
}

/* A coordinator that loads again knows by the wall clock alone how old a transaction is. */
static bool lost_count(struct raw_reader *r, struct raw_place *place)
{
    const struct world *w = &r->run->world;
    bool lost = w->jumps && place->reloads != w->reloads;
    place->reloads = w->reloads;
    return lost;
}

/* For as long as nothing goes wrong, what is open is held back no longer than it may be. */
static void watch_stable(struct raw_reader *r, const struct kw_fetch_response_partition *row)
{
    enum { HELD_MS = RUN_TXN_MS + 500 }; /* its markers take a moment */
    struct raw_place *place = &r->places[row->partition_index];
    int64_t quiet_ms = nemesis_quiet_ms(&r->run->nemesis);
    bool held = place->stable < place->end && row->last_stable_offset < row->high_watermark;
    if (lost_count(r, place) || !held || row->last_stable_offset != place->stable)
        place->moved_quiet_ms = quiet_ms;
    if (quiet_ms - place->moved_quiet_ms <= HELD_MS)
        return;
    place->moved_quiet_ms = quiet_ms;
    r->run->deeds.held++;
    world_trace(&r->run->world, "! the last stable offset of %s-%d stays at %" PRId64, r->name,
                row->partition_index, place->stable);
}

static void see_partition(struct raw_reader *r, const struct kw_fetch_response_partition *row)
{
    struct drops drops = {.row = row};
    struct kw_batch_iter it;
    struct kw_batch batch;
    struct raw_place *place = &r->places[row->partition_index];
    if (row->error_code) {
        world_trace(&r->run->world, "  fetch of partition %d at %" PRId64 ": %s",
                    row->partition_index, place->next, kb_code_name(row->error_code));
        if (row->error_code == KB_E_OFFSET_OUT_OF_RANGE)
            place->at_end = true; /* served once, gone now: the judge will see */
        return;
    }
    kw_batch_iter_init(&it, row->records, SIZE_MAX);
    bool whole = true;
    while (whole && kw_batch_iter_next(&it, &batch))
        whole = see_batch(r, &drops, &batch);
    KB_CHECK(it.code == 0);
    watch_stable(r, row);
    place->stable = row->last_stable_offset;
    place->end = row->high_watermark;
    place->at_end = !whole || place->next >= (r->committed ? place->stable : place->end);
}

static void answer_fetch(void *ctx, const struct kn_answer *answer)
{
    struct kw_fetch_response response;
    struct raw_reader *r = ctx;
    struct kb_arena arena;
    if (answer->err)
        return;
    kb_arena_init(&arena, BODY_MAX);
    bool ok = kw_fetch_response_decode(answer->body, answer->version, &arena, &response);
    KB_CHECK(ok);
    for (int32_t i = 0; i < response.responses_count; i++)
        for (int32_t k = 0; k < response.responses[i].partitions_count; k++)
            see_partition(r, &response.responses[i].partitions[k]);
    kb_arena_deinit(&arena);
    if (response.error_code)
        raw_link_break(&r->link);
    else
        fetch(r);
}

static void fetch(struct raw_reader *r)
{
    struct kw_fetch_request_partition partitions[PARTITIONS];
    struct kw_fetch_request_topic topic;
    struct kw_fetch_request request;
    struct kw_writer body;
    kw_fetch_request_init(&request);
    kw_fetch_request_topic_init(&topic);
    request.max_wait_ms = 100;
    request.min_bytes = 1;
    request.max_bytes = 100000;
    request.isolation_level = r->committed;
    request.topics = &topic;
    request.topics_count = 1;
    topic.topic = kb_slice_str(r->name);
    topic.partitions = partitions;
    topic.partitions_count = PARTITIONS;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        kw_fetch_request_partition_init(&partitions[i]);
        partitions[i].partition = i;
        partitions[i].fetch_offset = r->places[i].next;
        partitions[i].partition_max_bytes = 40000;
    }
    kw_writer_init(&body, BODY_MAX);
    kw_fetch_request_encode(&body, FETCH_VERSION, &request);
    raw_call(&r->link, KW_API_FETCH, FETCH_VERSION, &body, answer_fetch, r);
}

static void on_up(struct raw_link *link)
{
    fetch(KB_CONTAINER(link, struct raw_reader, link));
}

void raw_reader_open(struct raw_reader *r, struct run *run, struct process *process,
                     const char *topic, raw_reader_see *see)
{
    *r = (struct raw_reader){.run = run, .name = topic, .see = see};
    r->topic = history_topic(&run->history, topic);
    for (int i = 0; i < PARTITIONS; i++)
        r->places[i].stable = r->places[i].end = -1;
    r->codecs = kw_codec_ctx_new();
    KB_CHECK(r->codecs);
    raw_link_open(&r->link, process, on_up);
}

bool raw_reader_is_at_end(const struct raw_reader *r)
{
    bool at_end = true;
    for (int i = 0; i < PARTITIONS; i++)
        at_end = at_end && r->places[i].at_end;
    return at_end;
}

bool raw_reader_is_stable(const struct raw_reader *r)
{
    bool stable = raw_reader_is_at_end(r);
    for (int i = 0; i < PARTITIONS; i++)
        stable = stable && r->places[i].stable == r->places[i].end;
    return stable;
}

void raw_reader_look_again(struct raw_reader *r)
{
    for (int i = 0; i < PARTITIONS; i++)
        r->places[i].at_end = false;
    raw_link_break(&r->link);
}

void raw_reader_close(struct raw_reader *r)
{
    raw_link_close(&r->link);
    kw_codec_ctx_free(r->codecs);
}
