/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/fetch.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"

static void look_on(struct kd_fetch *f);

/* ---- One partition ------------------------------------------------------ */

static void refuse(struct kd_fetch *f, struct kd_slot *slot, int code)
{
    slot->code = kd_answer_code(code);
    if (slot->code == KB_E_KAFKA_STORAGE_ERROR && f->request->header.version <= 5)
        slot->code = KB_E_NOT_LEADER_OR_FOLLOWER;
    f->failed = true;
}

/* The reader's log and ours parted where they last agreed on the epoch. */
static bool has_diverged(const struct kd_partition *state, struct kd_slot *slot)
{
    struct kd_epoch end;
    const struct kd_session_part *part = slot->part;
    if (part->last_fetched_epoch < 0)
        return false;
    if (!kd_epochs_end_of(&state->epochs, part->last_fetched_epoch, state->log_end, &end))
        return false;
    if (end.epoch >= part->last_fetched_epoch && end.start_offset >= part->fetch_offset)
        return false;
    slot->diverging.epoch = end.epoch;
    slot->diverging.end_offset = end.start_offset;
    return true;
}

static struct kd_place *find(struct kd_fetch *f, struct kd_slot *slot)
{
    const struct kd_session_part *part = slot->part;
    struct kb_slice name = f->session->uses_ids ? kb_slice_null() : part->topic;
    slot->place =
        kd_find_place(f->request->shard, name, part->topic_id, part->partition, &slot->code);
    return slot->place;
}

static int check(struct kd_fetch *f, struct kd_slot *slot)
{
    const struct kd_topic_config *config = &slot->place->topic->config;
    int zstd = 5; /* in the order of compression.type's choices */
    int16_t code = kd_check_epoch(slot->place, slot->part->current_leader_epoch);
    if (!code && f->request->header.version < 10 && config->compression_type == zstd)
        code = KB_E_UNSUPPORTED_COMPRESSION_TYPE;
    if (code == KB_E_FENCED_LEADER_EPOCH) {
        slot->leader.leader_id = slot->place->leader;
        slot->leader.leader_epoch = slot->place->leader_epoch;
    }
    return code;
}

/* What is left of the bytes and of the aborted transactions that one answer tells. */
static bool has_room(const struct kd_fetch *f)
{
    return f->max_bytes > f->found_bytes && f->found_aborted < KD_ABORTED_MAX;
}

/* True: looked at. False: a disk thread has it. */
static bool look_at(struct kd_fetch *f, struct kd_slot *slot)
{
    const struct kd_session_part *part = slot->part;
    int code = find(f, slot) ? check(f, slot) : slot->code;
    if (code) {
        refuse(f, slot, code);
        return true;
    }
    const struct kd_partition *state = kd_replica_state(slot->place->replica);
    slot->high_watermark = state->high_watermark;
    slot->stable_end = kd_partition_stable_end(state);
    slot->log_start = state->log_start;
    slot->bound = f->read_committed ? slot->stable_end : slot->high_watermark;
    if (has_diverged(state, slot)) {
        f->failed = true;
        return true;
    }
    bool room = has_room(f);
    size_t left = room ? f->max_bytes - f->found_bytes : 0;
    f->read.offset = part->fetch_offset;
    f->read.bound = room || !f->found_bytes ? slot->bound : part->fetch_offset;
    f->read.max_bytes = KB_MIN(left, (size_t)KB_MAX(part->max_bytes, 0));
    f->read.aborted_max = f->read_committed ? KD_ABORTED_MAX - f->found_aborted : 0;
    f->read.whole_first = f->found_bytes == 0;
    return kd_replica_read(slot->place->replica, &f->read);
}

/* Of the bytes that the client asks for, and that it has room for. */
static size_t size_of(const struct kd_slot *slot)
{
    enum { ABORTED_BYTES = 8 + 8 };
    return slot->extent.size_bytes + slot->aborted.count * ABORTED_BYTES;
}

static void take_read(struct kd_fetch *f, struct kd_slot *slot)
{
    if (!slot->place || slot->code)
        return;
    /* What did not fit goes into the next answer. */
    if (f->read.code == KB_E_NO_MEMORY && f->found_bytes)
        return;
    if (f->read.code) {
        refuse(f, slot, f->read.code);
        return;
    }
    slot->extent = f->read.extent;
    slot->aborted = f->read.aborted;
    f->read.extent = (struct kd_extent){0};
    f->read.aborted = (struct kd_aborted_list){0};
    f->found_bytes += size_of(slot);
    f->found_aborted += slot->aborted.count;
}

/* ---- Waiting ------------------------------------------------------------ */

static void on_wake(struct kd_waiter *waiter)
{
    struct kd_fetch *f = KB_CONTAINER(waiter, struct kd_fetch, waiter);
    kn_task_soon(f->request->shard->loop, &f->again);
}

static void look(struct kd_fetch *f)
{
    kd_fetch_release(f);
    f->at = f->found_bytes = f->found_aborted = 0;
    f->failed = false;
    look_on(f);
}

static void look_again(struct kn_task *task)
{
    look(KB_CONTAINER(task, struct kd_fetch, again));
}

/* Has it moved, or gone, since it was looked at? */
static bool has_moved(struct kd_fetch *f, struct kd_slot *slot)
{
    if (!find(f, slot))
        return true;
    const struct kd_partition *state = kd_replica_state(slot->place->replica);
    int64_t bound = f->read_committed ? kd_partition_stable_end(state) : state->high_watermark;
    return bound != slot->bound;
}

/* False: something came while the disk was asked. */
static bool wait(struct kd_fetch *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (has_moved(f, &f->slots[i]))
            return false;
    for (size_t i = 0; i < f->count; i++)
        kd_waiter_arm(&f->waiter, &f->slots[i].place->waiting);
    return true;
}

static void give_up(struct kd_fetch *f)
{
    kd_fetch_release(f);
    kd_session_leave(f->session);
    kd_answer_nothing(f->request);
}

static void conclude(struct kd_fetch *f)
{
    bool enough = f->failed || f->late || f->count == 0 || f->in.max_wait_ms <= 0 ||
                  f->found_bytes >= (size_t)KB_MAX(f->in.min_bytes, 0);
    if (f->cancelled)
        give_up(f);
    else if (enough)
        kd_fetch_answer(f);
    else if (wait(f))
        kd_fetch_release(f);
    else
        look(f);
}

static void look_on(struct kd_fetch *f)
{
    while (f->at < f->count && !f->cancelled) {
        struct kd_slot *slot = &f->slots[f->at];
        f->read.code = KB_OK;
        f->read.extent = (struct kd_extent){0};
        f->read.aborted = (struct kd_aborted_list){0};
        if (!look_at(f, slot)) {
            f->reading = true;
            return;
        }
        take_read(f, slot);
        f->at++;
    }
    conclude(f);
}

static void on_read(struct kd_read *read)
{
    struct kd_fetch *f = read->owner;
    f->reading = false;
    take_read(f, &f->slots[f->at++]);
    look_on(f);
}

static void on_deadline(struct kn_timer *timer)
{
    struct kd_fetch *f = KB_CONTAINER(timer, struct kd_request, timer)->op;
    f->late = true;
    if (f->reading)
        return;
    kd_waiter_disarm(&f->waiter);
    kn_task_cancel(&f->again);
    look(f);
}

static void on_cancel(struct kd_request *request)
{
    struct kd_fetch *f = request->op;
    f->cancelled = true;
    if (f->reading)
        return;
    kd_waiter_disarm(&f->waiter);
    kn_task_cancel(&f->again);
    give_up(f);
}

/* ---- The request -------------------------------------------------------- */

static bool want(struct kd_fetch *f, const struct kw_fetch_request_topic *topic)
{
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        const struct kw_fetch_request_partition *in = &topic->partitions[i];
        struct kd_session_part *part =
            kd_session_want(f->session, topic->topic, topic->topic_id, in->partition);
        if (!part)
            return false;
        part->current_leader_epoch = in->current_leader_epoch;
        part->last_fetched_epoch = in->last_fetched_epoch;
        part->fetch_offset = in->fetch_offset;
        part->max_bytes = in->partition_max_bytes;
    }
    return true;
}

static bool update_session(struct kd_fetch *f)
{
    for (int32_t i = 0; i < f->in.forgotten_topics_data_count; i++) {
        const struct kw_fetch_request_forgotten_topic *topic = &f->in.forgotten_topics_data[i];
        for (int32_t j = 0; j < topic->partitions_count; j++)
            kd_session_forget(f->session, topic->topic, topic->topic_id, topic->partitions[j]);
    }
    for (int32_t i = 0; i < f->in.topics_count; i++)
        if (!want(f, &f->in.topics[i]))
            return false;
    return true;
}

static bool make_slots(struct kd_fetch *f)
{
    struct kb_arena *arena = &f->request->arena;
    f->count = f->session->count;
    f->slots = kb_arena_array(arena, f->count, sizeof *f->slots);
    struct kd_mark *marks = kb_arena_array(arena, f->count, sizeof *marks);
    if (!f->slots || !marks)
        return false;
    kd_waiter_init(&f->waiter, on_wake, marks);
    size_t i = 0;
    KB_LIST_EACH(it, &f->session->order)
        f->slots[i++].part = KB_CONTAINER(it, struct kd_session_part, link);
    return true;
}

static void start(struct kd_fetch *f)
{
    struct kd_request *request = f->request;
    int32_t most = request->shard->config->fetch_max_bytes;
    if (!update_session(f) || !make_slots(f)) {
        kd_session_leave(f->session);
        kd_answer_fail(request, "no memory for the session");
        return;
    }
    f->max_bytes = (size_t)KB_MAX(KB_MIN(f->in.max_bytes, most), 0);
    f->read_committed = f->in.isolation_level == 1;
    f->read.done = on_read;
    f->read.owner = f;
    kn_task_init(&f->again, look_again);
    request->cancel = on_cancel;
    if (f->in.max_wait_ms > 0)
        kd_request_park(request, f->in.max_wait_ms, on_deadline);
    look(f);
}

void kd_handle_fetch(struct kd_request *request)
{
    struct kd_fetch *f = kb_arena_alloc(&request->arena, sizeof *f);
    int16_t version = request->header.version;
    if (!f || !kw_fetch_request_decode(&request->body, version, &request->arena, &f->in)) {
        kd_request_refuse(request);
        return;
    }
    f->request = request;
    request->op = f;
    int code =
        kd_sessions_enter(&request->shard->sessions, f->in.session_id, f->in.session_epoch,
                          version >= 13, kd_request_now(request), &f->session, &f->incremental);
    if (code == KB_E_NO_MEMORY)
        kd_answer_fail(request, "no memory for a session");
    else if (code)
        kd_fetch_refuse(request, (int16_t)code);
    else
        start(f);
}
