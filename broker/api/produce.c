/* SPDX-License-Identifier: Apache-2.0 */
/* Produce: one batch per partition. They are checked, then each goes its own
 * way to the disk; the answer waits for all of them, from then on at most for
 * the client's timeout. One that would open a transaction in its partition waits
 * before that for the transaction's coordinator (KIP-890). */
#include "wire/gen/produce.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/api/produce_check.h"
#include "broker/api/produce_txn.h"
#include "broker/drive/replica.h"
#include "broker/server/link.h"

struct produce;

struct part {
    struct kd_append append;
    struct produce *produce;
    struct kw_produce_response_partition *out;
    struct kb_uuid topic_id;
    struct kd_replica *replica; /* NULL: not appended, or answered */
    struct kd_admission *admission;
    struct kd_ticket ticket; /* while it is parked: its coordinator is being asked */
    bool parked;
    int64_t append_time_ms;
};

struct produce {
    struct kd_request *request;
    struct kw_produce_request in;
    struct kw_produce_response out;
    struct part *parts;
    size_t count;
    struct kd_produce_check check; /* its batches stand as the parts do */
    struct kd_question *question;  /* what is to be asked of the coordinator; NULL: nothing */
    size_t pending;                /* parts, and one for the handler itself */
    int refused;                   /* why some partition failed; 0: none did */
};

/* ---- The answer --------------------------------------------------------- */

/* Without an answer a client learns of a failure only so. */
static void answer_acks_0(struct produce *p)
{
    struct kb_error why;
    if (p->refused && p->request->peer) {
        kb_error_set(&why, p->refused, "a Produce without acks failed: %s",
                     kb_code_name(p->refused));
        kn_conn_close(p->request->peer->conn, &why);
    }
    kd_answer_nothing(p->request);
}

static void finish(struct produce *p)
{
    struct kd_request *request = p->request;
    struct kw_writer w;
    if (p->in.acks == 0) {
        answer_acks_0(p);
        return;
    }
    kd_answer_begin(request, &w);
    kw_produce_response_encode(&w, request->header.version, &p->out);
    kd_answer_end(request, &w);
}

static void settle(struct produce *p)
{
    if (--p->pending == 0)
        finish(p);
}

static void refuse(struct produce *p, struct kw_produce_response_partition *out, int code,
                   const char *why)
{
    out->error_code = kd_answer_code(code);
    out->base_offset = -1;
    if (why && *why)
        out->error_message = kd_keep(p->request, kb_slice_str(why));
    p->refused = code;
}

static void on_appended(struct kd_append *append)
{
    struct part *part = append->owner;
    struct produce *p = part->produce;
    const struct kd_partition *state = kd_replica_state(part->replica);
    if (append->code) {
        refuse(p, part->out, append->code, NULL);
    } else {
        part->out->base_offset = append->base_offset;
        part->out->log_append_time_ms = part->append_time_ms;
        part->out->log_start_offset = state->log_start;
    }
    part->replica = NULL;
    settle(p);
}

static void give_up_parked(struct part *part);

static void on_timeout(struct kn_timer *timer)
{
    struct kd_request *request = KB_CONTAINER(timer, struct kd_request, timer);
    struct produce *p = request->op;
    for (size_t i = 0; i < p->count; i++) {
        struct part *part = &p->parts[i];
        if (part->parked)
            give_up_parked(part);
        else if (part->replica)
            kd_replica_abandon(part->replica, &part->append);
        else
            continue;
        refuse(p, part->out, KB_E_REQUEST_TIMED_OUT, NULL);
    }
    finish(p);
}

/* ---- One partition ------------------------------------------------------ */

static int check_acks(const struct produce *p, const struct kd_place *place, struct kb_error *err)
{
    int32_t wanted = place->topic->config.min_insync_replicas;
    if (p->in.acks == -1 && place->isr_count < wanted)
        return kb_error_set(err, KB_E_NOT_ENOUGH_REPLICAS, "%d in sync, min.insync.replicas=%d",
                            place->isr_count, wanted);
    return 0;
}

static enum kd_wait wait_of(const struct produce *p, const struct kd_place *place)
{
    if (p->in.acks == 0)
        return KD_WAIT_PLACED;
    return p->in.acks == 1 && place->replica_count > 1 ? KD_WAIT_WRITTEN : KD_WAIT_COMMITTED;
}

/* claim: why it may open a transaction; NULL: it does not. */
static void append(struct produce *p, struct part *part, const struct kd_place *place,
                   const struct kd_txn_claim *claim)
{
    struct kd_admission *a = part->admission;
    kd_admission_stamp(a, kd_request_now(p->request).wall_ms);
    part->replica = place->replica;
    part->append_time_ms = a->append_time_ms;
    part->append = (struct kd_append){.frame = a->buf,
                                      .batch = a->batch.bytes,
                                      .header = a->batch.header,
                                      .wait = wait_of(p, place),
                                      .done = on_appended,
                                      .owner = part};
    if (claim)
        part->append.txn.claim = *claim;
    p->pending++;
    kd_replica_append(place->replica, &part->append);
}

static struct kb_slice name_in(const struct produce *p,
                               const struct kw_produce_request_topic *topic)
{
    return p->request->header.version >= 13 ? kb_slice_null() : topic->name;
}

/* Where it goes, and what is asked of it there. */
static void prepare_part(struct produce *p, const struct kw_produce_request_topic *topic,
                         const struct kw_produce_request_partition *in, struct part *part,
                         struct kd_admission *a)
{
    int16_t code;
    struct kd_place *place =
        kd_find_place(p->request->shard, name_in(p, topic), topic->topic_id, in->index, &code);
    part->produce = p;
    part->admission = a;
    kw_produce_response_partition_init(part->out);
    part->out->index = in->index;
    if (!place) {
        kd_admission_refuse(a, code);
        return;
    }
    part->topic_id = place->topic->id;
    if (kd_topic_name_is_internal(kb_slice_str(place->topic->name)))
        kd_admission_refuse(a, KB_E_INVALID_TOPIC_EXCEPTION);
    else
        kd_admission_init(a, place->topic, in->records, p->request,
                          p->in.transactional_id.data != NULL);
}

/* The topic may have gone since, or lost replicas. */
static struct kd_place *find_again(struct produce *p, const struct part *part, struct kb_error *err)
{
    int16_t code;
    struct kd_place *place =
        kd_find_place(p->request->shard, kb_slice_null(), part->topic_id, part->out->index, &code);
    if (!place && code == KB_E_UNKNOWN_TOPIC_ID && p->request->header.version < 13)
        code = KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    if (!place)
        err->code = code;
    return place && !check_acks(p, place, err) ? place : NULL;
}

/* ---- Its transaction ---------------------------------------------------- */

static void let_go(struct part *part)
{
    kb_buf_unref(part->admission->buf);
    part->admission->buf = NULL;
}

/* What those that were sent behind it must not overtake. */
static void expect_again(struct produce *p, const struct part *part)
{
    struct kb_error none;
    struct kd_place *place = find_again(p, part, &none);
    if (place)
        kd_producers_expect_again(&kd_replica_state(place->replica)->producers,
                                  &part->admission->batch.header,
                                  kd_request_now(p->request).wall_ms);
}

static void give_up_parked(struct part *part)
{
    kd_ticket_drop(&part->ticket);
    expect_again(part->produce, part);
    let_go(part);
    part->parked = false;
}

/* Since the answer comes before any marker that the coordinator sends after it, what the
 * partition has heard by now is of transactions before. */
static struct kd_txn_claim claim_of(const struct part *part, const struct kd_place *place)
{
    const struct kd_producers *producers = &kd_replica_state(place->replica)->producers;
    int64_t producer = part->admission->batch.header.producer_id;
    return (struct kd_txn_claim){true, kd_producers_guard(producers, producer)};
}

static void on_ticket(struct kd_ticket *ticket, int code)
{
    struct part *part = KB_CONTAINER(ticket, struct part, ticket);
    struct produce *p = part->produce;
    struct kb_error *err = &part->admission->err;
    part->parked = false;
    err->code = kd_produce_txn_code(code, p->request->header.version);
    struct kd_place *place = err->code ? NULL : find_again(p, part, err);
    if (place) {
        struct kd_txn_claim claim = claim_of(part, place);
        append(p, part, place, &claim);
    } else {
        refuse(p, part->out, err->code, err->text);
    }
    if (code)
        expect_again(p, part);
    let_go(part);
    settle(p);
}

/* KB_OK: it waits. */
static int ask(struct produce *p, struct part *part, const struct kd_verify_key *key,
               const struct kd_place *place)
{
    struct kd_txn_producer who = {p->in.transactional_id, key->producer, key->epoch};
    if (!p->question)
        p->question =
            kd_question_new(p->request->shard, &who, p->request->header.version >= 12, p->count);
    if (!p->question)
        return KB_E_NO_MEMORY;
    if (!kd_question_is_of(p->question, key->producer, key->epoch))
        return KB_E_INVALID_PRODUCER_ID_MAPPING;
    if (!kd_question_add(p->question, key, kb_slice_str(place->topic->name), &part->ticket))
        return KB_E_NO_MEMORY;
    return KB_OK;
}

/* True: it waits, or is refused. False: it may be appended now. */
static bool park(struct produce *p, struct part *part, const struct kd_place *place)
{
    const struct kw_batch_header *header = &part->admission->batch.header;
    struct kd_verify_key key = {part->topic_id, header->producer_id, place->index,
                                header->producer_epoch};
    struct kb_error *err = &part->admission->err;
    if (!(header->attributes & KW_BATCH_TRANSACTIONAL))
        return false;
    part->ticket.done = on_ticket;
    kb_list_init(&part->ticket.link);
    if (!kd_verify_queue(&p->request->shard->verifications, &key, &part->ticket)) {
        const struct kd_partition *state = kd_replica_state(place->replica);
        if (kd_producers_in_txn(&state->producers, key.producer, key.epoch))
            return false;
        err->code = ask(p, part, &key, place);
    }
    part->parked = !err->code;
    if (part->parked)
        p->pending++;
    else
        refuse(p, part->out, err->code, NULL);
    return true;
}

static void finish_part(struct produce *p, struct part *part)
{
    struct kd_admission *a = part->admission;
    struct kd_place *place = a->err.code ? NULL : find_again(p, part, &a->err);
    if (!place)
        refuse(p, part->out, a->err.code, a->err.text);
    else if (!park(p, part, place))
        append(p, part, place, NULL);
    if (!part->parked)
        let_go(part);
}

/* ---- The request -------------------------------------------------------- */

static size_t count_parts(const struct kw_produce_request *in)
{
    size_t count = 0;
    for (int32_t i = 0; i < in->topic_data_count; i++)
        count += (size_t)in->topic_data[i].partition_data_count;
    return count;
}

/* Room for the whole answer, before anything is appended. */
static bool make_room(struct produce *p)
{
    struct kb_arena *arena = &p->request->arena;
    struct kw_produce_response *out = &p->out;
    kw_produce_response_init(out);
    p->count = count_parts(&p->in);
    p->parts = kb_arena_array(arena, p->count, sizeof *p->parts);
    p->check.batches = kb_arena_array(arena, p->count, sizeof *p->check.batches);
    out->responses = kb_arena_array(arena, (size_t)p->in.topic_data_count, sizeof *out->responses);
    for (int32_t i = 0; !arena->failed && i < p->in.topic_data_count; i++) {
        const struct kw_produce_request_topic *in = &p->in.topic_data[i];
        struct kw_produce_response_topic *topic = &out->responses[out->responses_count++];
        size_t size = sizeof *topic->partition_responses;
        kw_produce_response_topic_init(topic);
        topic->name = kd_keep(p->request, in->name);
        topic->topic_id = in->topic_id;
        topic->partition_responses = kb_arena_array(arena, (size_t)in->partition_data_count, size);
    }
    return !arena->failed;
}

static void prepare(struct produce *p)
{
    for (int32_t i = 0; i < p->in.topic_data_count; i++) {
        const struct kw_produce_request_topic *in = &p->in.topic_data[i];
        struct kw_produce_response_topic *out = &p->out.responses[i];
        for (int32_t j = 0; j < in->partition_data_count; j++) {
            struct part *part = &p->parts[p->check.count];
            part->out = &out->partition_responses[out->partition_responses_count++];
            prepare_part(p, in, &in->partition_data[j], part, &p->check.batches[p->check.count++]);
        }
    }
}

/* The frame's bytes are with the drive now, or refused. */
static void append_all(struct kd_produce_check *check)
{
    struct produce *p = check->owner;
    for (size_t i = 0; i < p->count; i++)
        finish_part(p, &p->parts[i]);
    if (p->question)
        kd_question_ask(p->question, p->request->shard);
    kd_request_drop_frame(p->request);
    if (p->pending > 1 && p->in.acks != 0)
        kd_request_park(p->request, p->in.timeout_ms, on_timeout);
    settle(p);
}

static void refuse_all(struct produce *p, int code, const char *why)
{
    for (int32_t i = 0; i < p->in.topic_data_count; i++) {
        const struct kw_produce_request_topic *in = &p->in.topic_data[i];
        struct kw_produce_response_topic *out = &p->out.responses[i];
        for (int32_t j = 0; j < in->partition_data_count; j++) {
            struct kw_produce_response_partition *part =
                &out->partition_responses[out->partition_responses_count++];
            kw_produce_response_partition_init(part);
            part->index = in->partition_data[j].index;
            refuse(p, part, code, why);
        }
    }
}

void kd_handle_produce(struct kd_request *request)
{
    struct produce *p = kb_arena_alloc(&request->arena, sizeof *p);
    if (!p || !kw_produce_request_decode(&request->body, request->header.version, &request->arena,
                                         &p->in)) {
        kd_request_refuse(request);
        return;
    }
    p->request = request;
    p->pending = 1;
    request->op = p;
    if (!make_room(p)) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    if (p->in.acks < -1 || p->in.acks > 1) {
        refuse_all(p, KB_E_INVALID_REQUIRED_ACKS, "acks is one of 0, 1 and -1");
        settle(p);
    } else {
        prepare(p);
        p->check.done = append_all;
        p->check.owner = p;
        kd_produce_check_start(&p->check, request->shard, &request->peer->turns);
    }
}
