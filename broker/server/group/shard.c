/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/group/shard.h"
#include "base/mem.h"
#include "broker/core/group/offsets.h"
#include "broker/server/group/load.h"
#include "wire/crc32c.h"
#include "wire/record.h"

static struct kb_time now_of(const struct kd_group_shard *shard)
{
    return kn_loop_now(shard->shard->loop);
}

static void arm(struct kd_group_shard *shard)
{
    kn_timer_set(shard->shard->loop, &shard->timer, kd_groups_deadline(&shard->groups));
}

/* ---- Steps -------------------------------------------------------------- */

struct kd_step *kd_step_begin(struct kd_group_shard *shard)
{
    struct kd_step *step = KB_NEW(struct kd_step);
    if (!step)
        return NULL;
    step->shard = shard;
    kd_outcome_init(&step->outcome);
    kb_list_init(&step->replies);
    kb_list_init(&step->link);
    return step;
}

void kd_step_hold(struct kd_step *step, struct kd_reply *reply)
{
    kb_list_push_back(&step->replies, &reply->link);
}

void kd_reply_forget(struct kd_reply *reply)
{
    kb_list_remove(&reply->link);
}

static void answer_all(struct kb_list *replies, int code)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(replies))) {
        struct kd_reply *reply = KB_CONTAINER(node, struct kd_reply, link);
        reply->answer(reply, code);
    }
}

static void step_free(struct kd_step *step)
{
    kb_list_remove(&step->link);
    kd_outcome_deinit(&step->outcome);
    kb_free(step);
}

/* Those that waited in the machine are answered with the step that freed them. */
static void hold_waits(struct kd_step *step)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&step->outcome.answers))) {
        struct kd_parked *wait = KB_CONTAINER(node, struct kd_parked, link);
        kd_step_hold(step, wait->owner);
    }
}

/* ---- Failure ------------------------------------------------------------ */

static void collect(struct kb_list *to, struct kb_list *from)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(from)))
        kb_list_push_back(to, node);
}

/* What was placed may still be written: the load reads to the end of the log. */
static void drop_steps(struct kd_group_shard *shard, struct kb_list *replies)
{
    while (!kb_list_empty(&shard->steps)) {
        struct kd_step *step = KB_LIST_FIRST(&shard->steps, struct kd_step, link);
        if (step->appending)
            kd_replica_abandon(shard->place->replica, &step->append);
        collect(replies, &step->replies);
        step_free(step);
    }
}

/* `last`: the step that found out, on no list; freed. */
static void fail(struct kd_group_shard *shard, struct kd_step *last)
{
    struct kb_list replies;
    kb_list_init(&replies);
    drop_steps(shard, &replies);
    kd_groups_drop(&shard->groups, KB_E_NOT_COORDINATOR, &last->outcome);
    hold_waits(last);
    collect(&replies, &last->replies);
    step_free(last);
    kn_timer_cancel(shard->shard->loop, &shard->timer);
    KB_LOG(shard->shard->log, KB_LOG_WARN, "groups",
           "what was decided could not be written; "
           "loading again partition=%d",
           shard->place->index);
    kd_group_shard_load(shard);
    answer_all(&replies, KB_E_NOT_COORDINATOR);
}

/* ---- Records to the log ------------------------------------------------- */

static size_t records_size(const struct kd_outcome *out)
{
    size_t size = 0;
    for (size_t i = 0; i < out->record_count; i++) {
        struct kw_record_in in = {
            .offset_delta = (int32_t)i, .key = out->records[i].key, .value = out->records[i].value};
        size += kw_record_size(kw_record_body_size(&in));
    }
    return size;
}

static void write_records(uint8_t *to, const struct kd_outcome *out)
{
    for (size_t i = 0; i < out->record_count; i++) {
        struct kw_record_in in = {
            .offset_delta = (int32_t)i, .key = out->records[i].key, .value = out->records[i].value};
        to = kw_record_write(to, &in, kw_record_body_size(&in));
    }
}

static struct kb_buf *make_batch(const struct kd_outcome *out, struct kw_batch_header *header,
                                 int64_t now_ms)
{
    size_t size = records_size(out);
    struct kb_buf *buf = kb_buf_new(KW_BATCH_HEADER_BYTES + size);
    if (!buf)
        return NULL;
    uint8_t *records = buf->data + KW_BATCH_HEADER_BYTES;
    write_records(records, out);
    kw_batch_header_init(header);
    header->base_timestamp_ms = header->max_timestamp_ms = now_ms;
    header->record_count = (int32_t)out->record_count;
    header->last_offset_delta = header->record_count - 1;
    kw_batch_stamp(buf->data, header, kw_crc32c(0, records, size), size);
    buf->size = KW_BATCH_HEADER_BYTES + size;
    return buf;
}

static void on_appended(struct kd_append *append)
{
    struct kd_step *step = append->owner;
    struct kd_group_shard *shard = step->shard;
    step->appending = false;
    if (append->code) {
        kb_list_remove(&step->link);
        fail(shard, step);
        return;
    }
    struct kb_list replies;
    kb_list_init(&replies);
    collect(&replies, &step->replies);
    step_free(step);
    answer_all(&replies, KB_OK);
}

static bool append(struct kd_step *step)
{
    struct kd_group_shard *shard = step->shard;
    struct kd_append *append = &step->append;
    *append = (struct kd_append){.wait = KD_WAIT_COMMITTED, .done = on_appended, .owner = step};
    append->frame = make_batch(&step->outcome, &append->header, now_of(shard).wall_ms);
    if (!append->frame)
        return false;
    append->batch = kb_buf_view(append->frame);
    struct kb_buf *frame = append->frame;
    step->appending = true;
    kb_list_push_back(&shard->steps, &step->link);
    kd_replica_append(shard->place->replica, append);
    kb_buf_unref(frame);
    return true;
}

/* Nothing to write: what was read may still be on its way to the disk. */
static void follow(struct kd_step *step)
{
    struct kd_group_shard *shard = step->shard;
    struct kb_list replies;
    kb_list_init(&replies);
    if (kb_list_empty(&shard->steps)) {
        collect(&replies, &step->replies);
    } else {
        struct kd_step *last = KB_CONTAINER(shard->steps.prev, struct kd_step, link);
        collect(&last->replies, &step->replies);
    }
    step_free(step);
    answer_all(&replies, KB_OK);
}

void kd_step_end(struct kd_step *step)
{
    struct kd_group_shard *shard = step->shard;
    hold_waits(step);
    arm(shard);
    if (step->outcome.failed)
        fail(shard, step);
    else if (!step->outcome.record_count)
        follow(step);
    else if (!append(step))
        fail(shard, step);
}

void kd_group_shard_forget(struct kd_group_shard *shard, struct kd_parked *wait)
{
    kd_groups_forget(wait, now_of(shard));
    arm(shard);
}

/* ---- Time --------------------------------------------------------------- */

static void on_timer(struct kn_timer *timer)
{
    struct kd_group_shard *shard = KB_CONTAINER(timer, struct kd_group_shard, timer);
    struct kd_step *step = kd_step_begin(shard);
    if (!step) { /* memory may come back */
        kn_timer_set(shard->shard->loop, timer, kb_deadline(now_of(shard), 100));
        return;
    }
    kd_groups_tick(&shard->groups, now_of(shard), &step->outcome);
    kd_step_end(step);
}

static void on_expiry(struct kn_timer *timer)
{
    struct kd_group_shard *shard = KB_CONTAINER(timer, struct kd_group_shard, expiry);
    int64_t every_ms = shard->shard->config->offsets_retention_check_ms;
    kn_timer_set(shard->shard->loop, timer, kb_deadline(now_of(shard), every_ms));
    struct kd_step *step = shard->state == KD_SHARD_ACTIVE ? kd_step_begin(shard) : NULL;
    if (!step)
        return;
    kd_groups_expire(&shard->groups, now_of(shard), &step->outcome);
    kd_step_end(step);
}

/* ---- Life --------------------------------------------------------------- */

void kd_group_shard_loaded(struct kd_group_shard *shard)
{
    struct kd_step *step = kd_step_begin(shard);
    if (!step) {
        kd_group_shard_load(shard);
        return;
    }
    shard->state = KD_SHARD_ACTIVE;
    kd_groups_loaded(&shard->groups, now_of(shard), &step->outcome);
    kd_step_end(step);
}

struct kd_group_shard *kd_group_shard_new(struct kd_shard *owner, struct kd_place *place,
                                          const struct kd_group_limits *limits)
{
    struct kd_group_shard *shard = KB_NEW(struct kd_group_shard);
    if (!shard)
        return NULL;
    shard->shard = owner;
    shard->place = place;
    kb_list_init(&shard->steps);
    kn_timer_init(&shard->timer, on_timer);
    kn_timer_init(&shard->expiry, on_expiry);
    kn_timer_init(&shard->again, kd_group_shard_load_again);
    kd_groups_init(&shard->groups, limits, &owner->topics, &owner->random);
    kd_group_shard_load(shard);
    on_expiry(&shard->expiry);
    return shard;
}

void kd_group_shard_free(struct kd_group_shard *shard)
{
    struct kb_list replies;
    if (!shard)
        return;
    kb_list_init(&replies);
    drop_steps(shard, &replies);
    answer_all(&replies, KB_E_NOT_COORDINATOR);
    kn_timer_cancel(shard->shard->loop, &shard->timer);
    kn_timer_cancel(shard->shard->loop, &shard->expiry);
    kn_timer_cancel(shard->shard->loop, &shard->again);
    kd_group_load_free(shard->load);
    kd_groups_deinit(&shard->groups);
    kb_free(shard);
}
