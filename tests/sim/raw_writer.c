/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/raw_writer.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "tests/sim/raw_echo.h"
#include "wire/api.h"
#include "wire/crc32c.h"
#include "wire/gen/add_partitions_to_txn.h"
#include "wire/gen/end_txn.h"
#include "wire/gen/find_coordinator.h"
#include "wire/gen/init_producer_id.h"
#include "wire/gen/metadata.h"
#include "wire/gen/produce.h"
#include "wire/record.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    PARTITIONS = WORLD_PARTITIONS,
    BODY_MAX = 1 << 20,
    BATCH_RECORDS = 5,
    BATCHES = 5,      /* of a transaction, at most */
    TRANSACTIONS = 1, /* FindCoordinator's key type */
    METADATA_VERSION = 4,
    FIND_VERSION = 3,
    INIT_VERSION = 4,
    ADD_VERSION = 3,
};

struct raw_writer {
    struct raw_writer_plan *plan;
    struct run *run;
    struct process *process;
    struct raw_link link;
    struct raw_echoes echoes;
    struct kn_timer pace;
    const struct step *step; /* the request to be made */
    bool asked;              /* it is on its way */
    bool unsure;             /* and was before, unanswered */
    bool loose;              /* something of this epoch may be on its way behind our back */
    int lane, deed;          /* deed -1: none is open */
    int64_t producer;        /* -1: none */
    int16_t epoch;
    int32_t sequences[PARTITIONS];
    bool added[PARTITIONS], commits, fails;
    int batches; /* to come */
    int32_t partition, count;
    uint64_t first_id; /* of the batch; 0: there is none */
    int64_t made_ms;   /* wall */
};

/* One request, and what comes of its answer. */
struct step {
    const char *name;
    int16_t key;
    int16_t (*version)(const struct raw_writer *w);
    void (*encode)(struct raw_writer *w, struct kw_writer *body, int16_t version);
    /* Decodes; the code. */
    int (*read)(struct raw_writer *w, const struct kn_answer *answer, struct kb_arena *arena);
    void (*done)(struct raw_writer *w);              /* it went well */
    void (*refused)(struct raw_writer *w, int code); /* for good */
};

static const struct step find_topic, find, init, add, produce, end_txn, bump;

static bool is_calm(const struct raw_writer *w)
{
    return !run_goes_on(w->run);
}

static int64_t chance(const struct raw_writer *w, int64_t one_in)
{
    return world_between(&w->run->world, 1, one_in) == 1;
}

static struct kb_slice id_of(const struct raw_writer *w)
{
    return kb_slice_str(w->plan->id);
}

static void go(struct raw_writer *w, const struct step *step, int64_t in_ms)
{
    w->step = step;
    w->unsure = false;
    kn_timer_set(w->process->loop, &w->pace, world_now_ms(&w->run->world) + in_ms);
}

static int16_t always_metadata(const struct raw_writer *w)
{
    (void)w;
    return METADATA_VERSION;
}

static int16_t always_find(const struct raw_writer *w)
{
    (void)w;
    return FIND_VERSION;
}

static int16_t always_init(const struct raw_writer *w)
{
    (void)w;
    return INIT_VERSION;
}

static int16_t always_add(const struct raw_writer *w)
{
    (void)w;
    return ADD_VERSION;
}

static int16_t produce_version(const struct raw_writer *w)
{
    return w->plan->modern ? 12 : 9;
}

static int16_t end_version(const struct raw_writer *w)
{
    return w->plan->modern ? 5 : 3;
}

/* ---- What becomes of records and transactions --------------------------- */

static void tell_batch(struct raw_writer *w, enum history_told told, int64_t base_offset)
{
    for (int32_t i = 0; w->first_id && i < w->count; i++)
        run_tell(
            w->run, w->first_id + (uint64_t)i,
            &(struct history_telling){told, w->partition, base_offset >= 0 ? base_offset + i : -1});
    w->first_id = 0;
}

static void tell_deed(struct raw_writer *w, enum deeds_told told)
{
    if (told)
        deeds_tell(&w->run->deeds, w->deed, told);
    w->deed = -1;
}

static void forget_epoch(struct raw_writer *w)
{
    memset(w->sequences, 0, sizeof w->sequences);
    memset(w->added, 0, sizeof w->added);
    w->loose = false;
}

/* It cannot go on under its epoch; what it had open is ended by others. */
static void begin_anew(struct raw_writer *w, int64_t in_ms)
{
    tell_batch(w, HISTORY_UNSURE, -1);
    tell_deed(w, DEEDS_NOTHING);
    w->producer = -1;
    w->epoch = -1;
    go(w, &init, in_ms);
}

static bool is_fenced(int code)
{
    return code == KB_E_INVALID_PRODUCER_EPOCH || code == KB_E_PRODUCER_FENCED ||
           code == KB_E_INVALID_PRODUCER_ID_MAPPING;
}

static void take_fence(struct raw_writer *w, int code)
{
    enum { AWAY_MIN_MS = 50, AWAY_MAX_MS = 1500 };
    if (!is_fenced(code) && code != KB_E_INVALID_TXN_STATE)
        run_complain(w->run, "%s of a transaction: %s", w->step->name, kb_code_name(code));
    w->run->deeds.fenced++;
    begin_anew(w, world_between(&w->run->world, AWAY_MIN_MS, AWAY_MAX_MS));
}

/* ---- The course of a transaction ---------------------------------------- */

/* What comes next, nothing being on its way. */
static void go_on(struct raw_writer *w);

static void begin(struct raw_writer *w)
{
    struct world *world = &w->run->world;
    w->deed = deeds_begin(&w->run->deeds);
    w->batches = (int)world_between(world, 1, BATCHES);
    w->commits = !chance(w, 4);
    w->fails = false;
    memset(w->added, 0, sizeof w->added);
}

static void make_batch(struct raw_writer *w)
{
    struct run *run = w->run;
    struct kb_clock *clock = kn_sim_clock(run->world.sim);
    w->batches--;
    w->made_ms = clock->now(clock).wall_ms;
    w->partition = (int32_t)world_between(&run->world, 0, PARTITIONS - 1);
    w->count = (int32_t)world_between(&run->world, 1, BATCH_RECORDS);
    for (int32_t i = 0; i < w->count; i++) {
        uint64_t id =
            history_send(&run->history, w->lane, history_topic(&run->history, RAW_WRITER_TOPIC),
                         w->partition, world_now_ms(&run->world));
        deeds_hold(&run->deeds, w->deed, id);
        w->first_id = i ? w->first_id : id;
    }
}

/* Sometimes it keeps the transaction open for longer than it may, or never ends it. */
static void go_to_end(struct raw_writer *w)
{
    enum { SELDOM = 14, OVER_MS = RUN_TXN_MS + 500 };
    struct world *world = &w->run->world;
    bool restless = !is_calm(w);
    if (restless && chance(w, 2 * SELDOM)) {
        begin_anew(w, 1);
        return;
    }
    bool late = restless && chance(w, SELDOM);
    w->run->deeds.timeouts += late;
    go(w, &end_txn, late ? world_between(world, OVER_MS, 2 * OVER_MS) : world_between(world, 1, 8));
}

static void go_on(struct raw_writer *w)
{
    struct world *world = &w->run->world;
    if (w->deed < 0 && is_calm(w)) {
        w->plan->done = true;
        return;
    }
    if (w->deed < 0)
        begin(w);
    if (!w->first_id && (w->batches == 0 || w->fails)) {
        go_to_end(w);
        return;
    }
    if (!w->first_id)
        make_batch(w);
    bool adds = !w->plan->modern && !w->added[w->partition];
    go(w, adds ? &add : &produce, world_between(world, 1, 8));
}

/* It can only be aborted. */
static void fail(struct raw_writer *w, enum history_told told)
{
    w->loose |= w->unsure;
    tell_batch(w, told, -1);
    w->commits = false;
    w->fails = true;
    go_on(w);
}

static void refused_at_all(struct raw_writer *w, int code)
{
    run_complain(w->run, "%s of a transaction: %s", w->step->name, kb_code_name(code));
    begin_anew(w, 1);
}

/* ---- The topic, and the coordinator ------------------------------------- */

/* Decodes an answer into `response`. */
#define READ(answer, arena, api, response)                                                         \
    do {                                                                                           \
        bool read_ok =                                                                             \
            kw_##api##_response_decode((answer)->body, (answer)->version, arena, response);        \
        KB_CHECK(read_ok);                                                                         \
    } while (0)

/* Asking for a topic makes it. */
static void encode_topic(struct raw_writer *w, struct kw_writer *body, int16_t version)
{
    struct kw_metadata_request_topic topic;
    struct kw_metadata_request request;
    (void)w;
    kw_metadata_request_init(&request);
    kw_metadata_request_topic_init(&topic);
    topic.name = kb_slice_str(RAW_WRITER_TOPIC);
    request.topics = &topic;
    request.topics_count = 1;
    kw_metadata_request_encode(body, version, &request);
}

static int read_topic(struct raw_writer *w, const struct kn_answer *answer, struct kb_arena *arena)
{
    struct kw_metadata_response response;
    (void)w;
    READ(answer, arena, metadata, &response);
    bool whole = response.topics_count == 1 && response.topics->partitions_count == PARTITIONS;
    return whole ? response.topics->error_code : KB_E_LEADER_NOT_AVAILABLE;
}

static void found_topic(struct raw_writer *w)
{
    go(w, &find, 1);
}

static void encode_find(struct raw_writer *w, struct kw_writer *body, int16_t version)
{
    struct kw_find_coordinator_request request;
    kw_find_coordinator_request_init(&request);
    request.key = id_of(w);
    request.key_type = TRANSACTIONS;
    kw_find_coordinator_request_encode(body, version, &request);
}

static int read_find(struct raw_writer *w, const struct kn_answer *answer, struct kb_arena *arena)
{
    struct kw_find_coordinator_response response;
    (void)w;
    READ(answer, arena, find_coordinator, &response);
    return response.error_code;
}

static void found(struct raw_writer *w)
{
    go(w, &init, 1);
}

/* ---- Its epoch ---------------------------------------------------------- */

static void encode_init(struct raw_writer *w, struct kw_writer *body, int16_t version)
{
    struct kw_init_producer_id_request request;
    kw_init_producer_id_request_init(&request);
    request.transactional_id = id_of(w);
    request.transaction_timeout_ms = RUN_TXN_MS;
    request.producer_id = w->producer;
    request.producer_epoch = w->epoch;
    kw_init_producer_id_request_encode(body, version, &request);
}

static int read_init(struct raw_writer *w, const struct kn_answer *answer, struct kb_arena *arena)
{
    struct kw_init_producer_id_response response;
    READ(answer, arena, init_producer_id, &response);
    if (!response.error_code) {
        w->producer = response.producer_id;
        w->epoch = response.producer_epoch;
    }
    return response.error_code;
}

static void begun(struct raw_writer *w)
{
    forget_epoch(w);
    go_on(w);
}

/* ---- Adding a partition ------------------------------------------------- */

static void encode_add(struct raw_writer *w, struct kw_writer *body, int16_t version)
{
    struct kw_add_partitions_to_txn_request request;
    struct kw_add_partitions_to_txn_request_topic topic;
    kw_add_partitions_to_txn_request_init(&request);
    kw_add_partitions_to_txn_request_topic_init(&topic);
    request.v3_and_below_transactional_id = id_of(w);
    request.v3_and_below_producer_id = w->producer;
    request.v3_and_below_producer_epoch = w->epoch;
    request.v3_and_below_topics = &topic;
    request.v3_and_below_topics_count = 1;
    topic.name = kb_slice_str(RAW_WRITER_TOPIC);
    topic.partitions = &w->partition;
    topic.partitions_count = 1;
    kw_add_partitions_to_txn_request_encode(body, version, &request);
}

static int read_add(struct raw_writer *w, const struct kn_answer *answer, struct kb_arena *arena)
{
    struct kw_add_partitions_to_txn_response response;
    (void)w;
    READ(answer, arena, add_partitions_to_txn, &response);
    KB_CHECK(response.results_by_topic_v3_and_below_count == 1 &&
             response.results_by_topic_v3_and_below->results_by_partition_count == 1);
    return response.results_by_topic_v3_and_below->results_by_partition->partition_error_code;
}

static void added(struct raw_writer *w)
{
    w->loose |= w->unsure;
    w->added[w->partition] = true;
    go_on(w);
}

/* ---- Records ------------------------------------------------------------ */

/* The bytes, made anew each time: the same each time. */
static struct kb_buf *make_records(const struct raw_writer *w)
{
    uint8_t room[HISTORY_VALUE_MAX];
    struct kb_buf *buf = kb_buf_new((size_t)w->count * (HISTORY_VALUE_MAX + 64) + 64);
    struct kw_batch_header header;
    KB_CHECK(buf);
    uint8_t *records = buf->data + KW_BATCH_HEADER_BYTES, *at = records;
    for (int32_t i = 0; i < w->count; i++) {
        struct kw_record_in record = {
            .offset_delta = i,
            .value = history_value(&w->run->history, w->first_id + (uint64_t)i, room)};
        at = kw_record_write(at, &record, kw_record_body_size(&record));
    }
    kw_batch_header_init(&header);
    header.attributes = KW_BATCH_TRANSACTIONAL;
    header.last_offset_delta = w->count - 1;
    header.record_count = w->count;
    header.base_timestamp_ms = header.max_timestamp_ms = w->made_ms;
    header.producer_id = w->producer;
    header.producer_epoch = w->epoch;
    header.base_sequence = w->sequences[w->partition];
    size_t size = (size_t)(at - records);
    kw_batch_stamp(buf->data, &header, kw_crc32c(0, records, size), size);
    buf->size = KW_BATCH_HEADER_BYTES + size;
    return buf;
}

static void encode_produce(struct raw_writer *w, struct kw_writer *body, int16_t version)
{
    struct kb_buf *records = make_records(w);
    struct kw_produce_request_partition partition;
    struct kw_produce_request_topic topic;
    struct kw_produce_request request;
    kw_produce_request_init(&request);
    kw_produce_request_topic_init(&topic);
    kw_produce_request_partition_init(&partition);
    request.transactional_id = id_of(w);
    request.acks = -1;
    request.timeout_ms = 5000;
    request.topic_data = &topic;
    request.topic_data_count = 1;
    topic.name = kb_slice_str(RAW_WRITER_TOPIC);
    topic.partition_data = &partition;
    topic.partition_data_count = 1;
    partition.index = w->partition;
    partition.records = kb_buf_view(records);
    kw_produce_request_encode(body, version, &request);
    kb_buf_unref(records);
}

static int read_produce(struct raw_writer *w, const struct kn_answer *answer,
                        struct kb_arena *arena)
{
    struct kw_produce_response response;
    READ(answer, arena, produce, &response);
    const struct kw_produce_response_partition *row = response.responses->partition_responses;
    int code = row->error_code == KB_E_DUPLICATE_SEQUENCE_NUMBER ? KB_OK : row->error_code;
    if (!code) {
        w->sequences[w->partition] += w->count;
        tell_batch(w, HISTORY_ACKED, row->base_offset);
    }
    return code;
}

static void produced(struct raw_writer *w)
{
    w->loose |= w->unsure;
    go_on(w);
}

/* An attempt before this one may have been written, or may be yet. */
static void refused_produce(struct raw_writer *w, int code)
{
    enum history_told told = w->unsure ? HISTORY_UNSURE : HISTORY_DENIED;
    if (is_fenced(code)) {
        tell_batch(w, told, -1);
        take_fence(w, code);
        return;
    }
    if (code != KB_E_TRANSACTION_ABORTABLE && code != KB_E_INVALID_TXN_STATE)
        run_complain(w->run, "%s of a transaction: %s", w->step->name, kb_code_name(code));
    fail(w, told);
}

/* ---- The end ------------------------------------------------------------ */

static void encode_end(struct raw_writer *w, struct kw_writer *body, int16_t version)
{
    struct kw_end_txn_request request;
    kw_end_txn_request_init(&request);
    request.transactional_id = id_of(w);
    request.producer_id = w->producer;
    request.producer_epoch = w->epoch;
    request.committed = w->commits;
    if (w->commits)
        deeds_ask(&w->run->deeds, w->deed);
    kw_end_txn_request_encode(body, version, &request);
}

static int read_end(struct raw_writer *w, const struct kn_answer *answer, struct kb_arena *arena)
{
    struct kw_end_txn_response response;
    READ(answer, arena, end_txn, &response);
    bool anew = !response.error_code && w->plan->modern &&
                (response.producer_id != w->producer || response.producer_epoch != w->epoch);
    if (anew) {
        w->producer = response.producer_id;
        w->epoch = response.producer_epoch;
        forget_epoch(w);
    }
    return response.error_code;
}

static void ended(struct raw_writer *w)
{
    w->loose |= w->unsure;
    tell_deed(w, w->commits ? DEEDS_COMMITTED : DEEDS_ABORTED);
    if (w->loose && !w->plan->modern)
        go(w, &bump, 1);
    else
        go_on(w);
}

/* ---- One after the other ------------------------------------------------ */

static const struct step
    find_topic = {"metadata", KW_API_METADATA, always_metadata, encode_topic,
                  read_topic, found_topic,     refused_at_all},
    find = {"find", KW_API_FIND_COORDINATOR, always_find, encode_find, read_find,
            found,  refused_at_all},
    init = {"init",    KW_API_INIT_PRODUCER_ID, always_init, encode_init, read_init, begun,
            take_fence},
    add = {"add",     KW_API_ADD_PARTITIONS_TO_TXN, always_add, encode_add, read_add, added,
           take_fence},
    produce = {"produce",    KW_API_PRODUCE, produce_version, encode_produce,
               read_produce, produced,       refused_produce},
    end_txn = {"end", KW_API_END_TXN, end_version, encode_end, read_end, ended, take_fence},
    bump = {"bump",    KW_API_INIT_PRODUCER_ID, always_init, encode_init, read_init, begun,
            take_fence};

/* A disk that failed after the append may show it again. */
static bool may_be_written(const struct raw_writer *w, int code)
{
    return w->step == &produce && code == KB_E_KAFKA_STORAGE_ERROR;
}

static void answer_step(void *ctx, const struct kn_answer *answer)
{
    enum { AGAIN_MAX_MS = 30 };
    struct raw_writer *w = ctx;
    struct world *world = &w->run->world;
    struct kb_arena arena;
    w->asked = false;
    if (answer->err) {
        w->unsure = true; /* and asked again once there is a connection */
        return;
    }
    kb_arena_init(&arena, BODY_MAX);
    int code = w->step->read(w, answer, &arena);
    kb_arena_deinit(&arena);
    world_trace(world, "  %s: transaction %d of %" PRId64 "/%d, partition %d: %s: %s",
                w->process->node, w->deed, w->producer, w->epoch, w->partition, w->step->name,
                kb_code_name(code));
    w->unsure |= may_be_written(w, code);
    if (code == KB_OK)
        w->step->done(w);
    else if (kb_code_classes(code) & KB_RETRIABLE)
        kn_timer_set(w->process->loop, &w->pace,
                     world_now_ms(world) + world_between(world, 1, AGAIN_MAX_MS));
    else
        w->step->refused(w, code);
}

/* What a classic writer says of its end could end its next transaction, so that it is
 * only said twice in a row; all else at any time. */
static void repeat(struct raw_writer *w, int16_t version, struct kb_buf *body)
{
    enum { OFTEN = 10, LATER_MAX_MS = 2500 };
    const struct step *s = w->step;
    bool may = s == &add || s == &produce || (s == &end_txn && w->plan->modern);
    if (is_calm(w) || !may || !chance(w, OFTEN))
        return;
    if (raw_echo(&w->echoes, s->key, version, body,
                 world_between(&w->run->world, 1, LATER_MAX_MS))) {
        w->unsure = true;
        world_trace(&w->run->world, "  %s: %s of %" PRId64 "/%d comes again", w->process->node,
                    s->name, w->producer, w->epoch);
    }
}

static void ask(struct raw_writer *w)
{
    struct kw_writer body;
    int16_t version = w->step->version(w);
    kw_writer_init(&body, BODY_MAX);
    w->step->encode(w, &body, version);
    struct kb_buf *bytes = kw_writer_take(&body);
    KB_CHECK(bytes);
    kw_writer_deinit(&body);
    w->asked = true;
    repeat(w, version, bytes);
    raw_call_bytes(&w->link, w->step->key, version, bytes, answer_step, w);
    kb_buf_unref(bytes);
}

static void on_pace(struct kn_timer *timer)
{
    struct raw_writer *w = KB_CONTAINER(timer, struct raw_writer, pace);
    if (w->step == &init && is_calm(w) && w->deed < 0)
        w->plan->done = true;
    if (w->plan->done) /* its connection has come back */
        return;
    if (!w->asked && raw_link_is_up(&w->link))
        ask(w);
}

static void on_up(struct raw_link *link)
{
    struct raw_writer *w = KB_CONTAINER(link, struct raw_writer, link);
    w->asked = false;
    kn_timer_set(w->process->loop, &w->pace, world_now_ms(&w->run->world) + 1);
}

static void *start(struct process *process, void *ctx)
{
    static const struct history_lane lane = {.once = true, .ordered = true};
    struct raw_writer *w = KB_NEW(struct raw_writer);
    KB_CHECK(w);
    *w = (struct raw_writer){.plan = ctx,
                             .process = process,
                             .step = &find_topic,
                             .deed = -1,
                             .producer = -1,
                             .epoch = -1};
    w->run = w->plan->run;
    w->plan->done = false;
    w->lane = history_lane(&w->run->history, &lane);
    kn_timer_init(&w->pace, on_pace);
    raw_link_open(&w->link, process, on_up);
    raw_echoes_open(&w->echoes, process);
    return w;
}

static int64_t turn(void *self)
{
    enum { SELDOM_MS = 60 * 1000 }; /* it has a pace of its own */
    (void)self;
    return SELDOM_MS;
}

static void end(void *self, bool killed)
{
    struct raw_writer *w = self;
    kn_timer_cancel(w->process->loop, &w->pace);
    raw_link_close(&w->link);
    raw_echoes_close(&w->echoes);
    if (killed)
        history_lane_dies(&w->run->history, w->lane);
    kb_free(w);
}

const struct program program_raw_writer = {
    .name = "writer", .mortal = true, .start = start, .turn = turn, .end = end};
