/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produce and Fetch as a client of a few lines speaks them, to hold the broker
 * alone to its promises: one idempotent producer with up to five batches on
 * their way per partition, sent again in order after each loss of the
 * connection, and one consumer that reads along.
 */
#include "tests/sim/raw.h"
#include "tests/sim/raw_reader.h"
#include "tests/sim/workload.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/api.h"
#include "wire/crc32c.h"
#include "wire/gen/init_producer_id.h"
#include "wire/gen/metadata.h"
#include "wire/gen/produce.h"
#include "wire/record.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    PARTITIONS = WORLD_PARTITIONS,
    ON_THEIR_WAY = 5, /* what a broker remembers of a producer */
    BATCH_RECORDS = 4,
    BODY_MAX = 1 << 20,
    METADATA_VERSION = 4,
    INIT_VERSION = 1,
    PRODUCE_VERSION = 9,
};

#define TOPIC "raw"

/* ---- Batches ------------------------------------------------------------ */

struct batch {
    struct kb_list link;
    struct producer *producer;
    int32_t partition, sequence, count;
    uint64_t first_id;
};

struct producer {
    struct run *run;
    struct process *process;
    int lane, topic;
    struct raw_link link;
    struct kn_timer pace;
    int64_t id; /* -1: none yet */
    int16_t epoch;
    bool ready;                       /* the topic is there */
    struct kb_list lanes[PARTITIONS]; /* unanswered batches, in order */
    int lengths[PARTITIONS];
    int32_t sequences[PARTITIONS];
};

/* The bytes, made anew each time: the same each time. */
static struct kb_buf *encode(const struct batch *batch)
{
    uint8_t room[HISTORY_VALUE_MAX];
    struct kb_buf *buf = kb_buf_new((size_t)batch->count * (HISTORY_VALUE_MAX + 64) + 64);
    struct kw_batch_header header;
    KB_CHECK(buf);
    uint8_t *records = buf->data + KW_BATCH_HEADER_BYTES, *at = records;
    for (int32_t i = 0; i < batch->count; i++) {
        const struct history *history = &batch->producer->run->history;
        struct kw_record_in record = {
            .offset_delta = i,
            .value = history_value(history, batch->first_id + (uint64_t)i, room)};
        at = kw_record_write(at, &record, kw_record_body_size(&record));
    }
    kw_batch_header_init(&header);
    header.last_offset_delta = batch->count - 1;
    header.record_count = batch->count;
    header.base_timestamp_ms = header.max_timestamp_ms = 1;
    header.producer_id = batch->producer->id;
    header.producer_epoch = batch->producer->epoch;
    header.base_sequence = batch->sequence;
    size_t size = (size_t)(at - records);
    kw_batch_stamp(buf->data, &header, kw_crc32c(0, records, size), size);
    buf->size = KW_BATCH_HEADER_BYTES + size;
    return buf;
}

static void answer_produce(void *ctx, const struct kn_answer *answer);

static void send_batch(struct batch *batch)
{
    struct kb_buf *records = encode(batch);
    struct kw_produce_request_partition partition;
    struct kw_produce_request_topic topic;
    struct kw_produce_request request;
    struct kw_writer body;
    kw_produce_request_init(&request);
    kw_produce_request_topic_init(&topic);
    kw_produce_request_partition_init(&partition);
    request.acks = -1;
    request.timeout_ms = 5000;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    topic.name = kb_slice_str(TOPIC);
    topic.partition_data = &partition;
    topic.partition_data_count = 1;
    partition.index = batch->partition;
    partition.records = kb_buf_view(records);
    kw_writer_init(&body, BODY_MAX);
    kw_produce_request_encode(&body, PRODUCE_VERSION, &request);
    raw_call(&batch->producer->link, KW_API_PRODUCE, PRODUCE_VERSION, &body, answer_produce, batch);
    kb_buf_unref(records);
}

static void take(struct batch *batch, enum history_told told, int64_t base_offset)
{
    struct producer *p = batch->producer;
    for (int32_t i = 0; i < batch->count; i++)
        run_tell(p->run, batch->first_id + (uint64_t)i,
                 &(struct history_telling){told, batch->partition,
                                           base_offset >= 0 ? base_offset + i : -1});
    kb_list_remove(&batch->link);
    p->lengths[batch->partition]--;
    kb_free(batch);
}

/* Behind one that was not written, any error is to be expected. */
static void judge(struct batch *batch, int code, int64_t base_offset)
{
    struct producer *p = batch->producer;
    bool oldest = p->lanes[batch->partition].next == &batch->link;
    if (code == KB_OK || code == KB_E_DUPLICATE_SEQUENCE_NUMBER) {
        take(batch, HISTORY_ACKED, base_offset);
        return;
    }
    world_trace(&p->run->world, "  sequence %d of partition %d: %s", batch->sequence,
                batch->partition, kb_code_name(code));
    if (!oldest || kb_code_classes(code) & KB_RETRIABLE) {
        raw_link_break(&p->link);
        return;
    }
    run_complain(p->run, "a batch is refused: %s", kb_code_name(code));
    take(batch, HISTORY_UNSURE, -1);
}

static void answer_produce(void *ctx, const struct kn_answer *answer)
{
    struct kw_produce_response response;
    struct batch *batch = ctx;
    struct kb_arena arena;
    if (answer->err)
        return; /* all of its connection's; they are sent again */
    kb_arena_init(&arena, BODY_MAX);
    bool ok = kw_produce_response_decode(answer->body, answer->version, &arena, &response);
    KB_CHECK(ok && response.responses_count == 1);
    const struct kw_produce_response_partition *row = response.responses->partition_responses;
    judge(batch, row->error_code, row->base_offset);
    kb_arena_deinit(&arena);
}

/* ---- The producer ------------------------------------------------------- */

static void send_all(struct producer *p)
{
    for (int i = 0; i < PARTITIONS; i++)
        KB_LIST_EACH(it, &p->lanes[i]) {
            if (raw_link_is_up(&p->link))
                send_batch(KB_CONTAINER(it, struct batch, link));
        }
}

/* It asks for one after each connect, to see that none is given twice, and keeps
 * the first. */
static void answer_init(void *ctx, const struct kn_answer *answer)
{
    struct kw_init_producer_id_response response;
    struct producer *p = ctx;
    struct kb_arena arena;
    if (answer->err)
        return;
    kb_arena_init(&arena, BODY_MAX);
    bool ok = kw_init_producer_id_response_decode(answer->body, answer->version, &arena, &response);
    kb_arena_deinit(&arena);
    KB_CHECK(ok);
    if (response.error_code) {
        raw_link_break(&p->link);
        return;
    }
    history_producer(&p->run->history, response.producer_id);
    if (p->id < 0) {
        p->id = response.producer_id;
        p->epoch = response.producer_epoch;
    }
    p->ready = true;
    send_all(p);
}

static void ask_id(struct producer *p)
{
    struct kw_init_producer_id_request request;
    struct kw_writer body;
    kw_init_producer_id_request_init(&request);
    request.transactional_id = kb_slice_null();
    request.transaction_timeout_ms = 60000;
    kw_writer_init(&body, BODY_MAX);
    kw_init_producer_id_request_encode(&body, INIT_VERSION, &request);
    raw_call(&p->link, KW_API_INIT_PRODUCER_ID, INIT_VERSION, &body, answer_init, p);
}

static void answer_metadata(void *ctx, const struct kn_answer *answer)
{
    struct kw_metadata_response response;
    struct producer *p = ctx;
    struct kb_arena arena;
    if (answer->err)
        return;
    kb_arena_init(&arena, BODY_MAX);
    bool ok = kw_metadata_response_decode(answer->body, answer->version, &arena, &response);
    KB_CHECK(ok && response.topics_count == 1);
    bool there = !response.topics->error_code && response.topics->partitions_count == PARTITIONS;
    kb_arena_deinit(&arena);
    if (there)
        ask_id(p);
    else
        raw_link_break(&p->link);
}

/* Asking for a topic makes it. */
static void on_up(struct raw_link *link)
{
    struct producer *p = KB_CONTAINER(link, struct producer, link);
    struct kw_metadata_request_topic topic;
    struct kw_metadata_request request;
    struct kw_writer body;
    p->ready = false;
    kw_metadata_request_init(&request);
    kw_metadata_request_topic_init(&topic);
    topic.name = kb_slice_str(TOPIC);
    request.topics = &topic;
    request.topics_count = 1;
    kw_writer_init(&body, BODY_MAX);
    kw_metadata_request_encode(&body, METADATA_VERSION, &request);
    raw_call(link, KW_API_METADATA, METADATA_VERSION, &body, answer_metadata, p);
}

static void add_batch(struct producer *p, int32_t partition)
{
    struct history *history = &p->run->history;
    struct batch *batch = KB_NEW(struct batch);
    KB_CHECK(batch);
    batch->producer = p;
    batch->partition = partition;
    batch->sequence = p->sequences[partition];
    batch->count = (int32_t)world_between(&p->run->world, 1, BATCH_RECORDS);
    for (int32_t i = 0; i < batch->count; i++) {
        uint64_t id =
            history_send(history, p->lane, p->topic, partition, world_now_ms(&p->run->world));
        batch->first_id = i ? batch->first_id : id;
    }
    p->sequences[partition] += batch->count;
    p->lengths[partition]++;
    kb_list_push_back(&p->lanes[partition], &batch->link);
    if (p->ready && raw_link_is_up(&p->link))
        send_batch(batch);
}

static void on_pace(struct kn_timer *timer)
{
    struct producer *p = KB_CONTAINER(timer, struct producer, pace);
    struct world *w = &p->run->world;
    int32_t partition = (int32_t)world_between(w, 0, PARTITIONS - 1);
    if (p->id >= 0 && p->lengths[partition] < ON_THEIR_WAY && run_goes_on(p->run))
        add_batch(p, partition);
    kn_timer_set(p->process->loop, timer, world_now_ms(w) + world_between(w, 0, 6));
}

static void producer_open(struct producer *p, struct run *run, struct process *process)
{
    static const struct history_lane lane = {.once = true, .ordered = true};
    *p = (struct producer){.run = run, .process = process, .id = -1};
    p->lane = history_lane(&run->history, &lane);
    p->topic = history_topic(&run->history, TOPIC);
    for (int i = 0; i < PARTITIONS; i++)
        kb_list_init(&p->lanes[i]);
    raw_link_open(&p->link, process, on_up);
    kn_timer_init(&p->pace, on_pace);
    kn_timer_set(process->loop, &p->pace, world_now_ms(&run->world));
}

static void producer_close(struct producer *p)
{
    kn_timer_cancel(p->process->loop, &p->pace);
    raw_link_close(&p->link);
    for (int i = 0; i < PARTITIONS; i++)
        while (!kb_list_empty(&p->lanes[i])) {
            struct kb_list *it = kb_list_pop_front(&p->lanes[i]);
            kb_free(KB_CONTAINER(it, struct batch, link));
        }
}

/* ---- The workload ------------------------------------------------------- */

static bool is_sent(void *ctx)
{
    return run_is_told(ctx);
}

static void send_records(struct run *run)
{
    struct process process;
    struct producer producer;
    struct raw_reader along;
    process_open(&process, &run->world, "app", NULL, NULL);
    producer_open(&producer, run, &process);
    raw_reader_open(&along, run, &process, TOPIC, history_serve);
    run_wait(run, is_sent, run, "batches without an answer");
    raw_reader_close(&along);
    producer_close(&producer);
    process_close(&process);
}

static bool is_read(void *ctx)
{
    return raw_reader_is_at_end(ctx);
}

static void read_records(struct run *run)
{
    struct process process;
    struct raw_reader last;
    process_open(&process, &run->world, "last", NULL, NULL);
    raw_reader_open(&last, run, &process, TOPIC, history_find);
    run_wait(run, is_read, &last, "the last reading");
    raw_reader_close(&last);
    process_close(&process);
}

const struct workload workload_raw = {
    .name = "raw",
    .what = "the broker alone, asked by a few lines that speak the protocol",
    .send = send_records,
    .read = read_records};
