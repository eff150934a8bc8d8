/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/explain.h"
#include "base/check.h"
#include "libclient/drive/rebalance.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is looked at. */
struct view {
    struct kurier_consumer *consumer;
    const struct kc_share *share; /* NULL: never assigned */
    const struct kc_fetch *fetch; /* NULL: not now */
    struct kb_time now;
    bool walled;
    kurier_explanation *out;
};

__attribute__((format(printf, 2, 3))) static bool say(const struct view *v, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(v->out->text, sizeof v->out->text, format, args);
    va_end(args);
    return true;
}

static int32_t leader_of(const struct view *v)
{
    const struct kc_partition *p = kc_metadata_partition(v->fetch->topic, v->share->partition);
    return p ? p->leader : -1;
}

/* ---- What can stand in the way ------------------------------------------------------
 * Each: true, and a sentence, if it does. */

static bool is_joining(const struct view *v)
{
    const struct kurier_consumer *c = v->consumer;
    struct kb_error why;
    if (v->fetch || !c->subscribed || !kc_membership_ready(c->membership, &why))
        return false;
    return say(v, "the group is not joined yet: %s", why.text);
}

static bool is_not_assigned(const struct view *v)
{
    if (v->fetch)
        return false;
    return say(v, v->consumer->subscribed
                      ? "another member of the group has it, or nobody subscribed to it"
                      : "it is not assigned");
}

static bool is_revoking(const struct view *v)
{
    if (v->share->halted && v->consumer->attachment)
        return say(v, "it goes to another member once the open transaction has ended: call "
                      "kurier_txn_end");
    return v->share->halted &&
           say(v,
               "it goes to another member once the %d batches in your hands are given back, "
               "and poll has called the listener",
               v->out->held);
}

static bool is_untold(const struct view *v)
{
    return v->share->untold && say(v, "poll has to call the rebalance listener first");
}

static bool is_paused(const struct view *v)
{
    return atomic_load(&v->share->paused) && say(v, "it is paused: resume it");
}

static bool has_failed(const struct view *v)
{
    return v->fetch->state == KC_FETCH_FAILED &&
           say(v, "its offset is not there, and auto.offset.reset is none: seek to go on");
}

static bool has_something(const struct view *v)
{
    size_t bytes = atomic_load(&v->share->waiting_bytes);
    return bytes && say(v, "%zu bytes of it are fetched: poll hands them out", bytes);
}

static bool waits_for_commit(const struct view *v)
{
    struct kb_error why;
    if (v->fetch->state != KC_FETCH_RESET || v->fetch->reset_to != KC_COMMITTED)
        return false;
    if (kc_membership_coordinator(v->consumer->membership, &why) < 0)
        return say(v, "its committed offset waits for the group's coordinator: %s", why.text);
    return say(v, "its committed offset is asked for");
}

static bool has_no_leader(const struct view *v)
{
    const struct kc_topic *topic = v->fetch->topic;
    if (leader_of(v) >= 0)
        return false;
    return say(v, "no broker leads it%s%s", topic->error ? ": " : "",
               topic->error ? kb_code_text(topic->error) : "");
}

static bool has_no_connection(const struct view *v)
{
    struct kc_link *link = kc_client_link(v->consumer->client, leader_of(v));
    if (!link || kc_link_state(link) == KC_LINK_UP || !kc_link_cause(link)->code)
        return false;
    return say(v, "its leader, broker %d, cannot be reached: %s", leader_of(v),
               kc_link_cause(link)->text);
}

static bool backs_off(const struct view *v)
{
    int64_t wait_ms = v->fetch->not_before_ms - v->now.mono_ms;
    return wait_ms > 0 && say(v, "after an error it is tried again in %lld ms", (long long)wait_ms);
}

static bool is_held(const struct view *v)
{
    const struct kc_feed *feed = v->consumer->feed;
    return atomic_load(&feed->held_up) &&
           say(v, "batches in your hands use up fetch.memory (%lld bytes): give some back",
               (long long)feed->total_bytes);
}

static bool is_looked_up(const struct view *v)
{
    return v->fetch->state != KC_FETCH_READY && say(v, "where it begins is asked for");
}

static bool is_walled(const struct view *v)
{
    return v->walled &&
           say(v,
               "a batch given back by release holds its commits at offset %lld: seek there, or "
               "retry such batches",
               (long long)v->out->finished);
}

static bool is_at_end(const struct view *v)
{
    return v->out->end >= 0 && v->out->position >= v->out->end &&
           say(v, "all of it was handed out");
}

static bool is_in_transaction(const struct view *v)
{
    const kurier_explanation *out = v->out;
    if (out->end < 0 || out->position < out->end || out->end >= out->high_watermark)
        return false;
    return say(v,
               "waits for a transaction: one that is open holds %lld offsets from %lld on back; "
               "its producer ends it, or the broker once transaction.timeout.ms is over",
               (long long)(out->high_watermark - out->end), (long long)out->end);
}

static const struct {
    kurier_why why;
    bool assigned; /* asked only of what is */
    bool (*stands)(const struct view *v);
} reasons[] = {
    {KURIER_WHY_JOINING, false, is_joining},
    {KURIER_WHY_NOT_ASSIGNED, false, is_not_assigned},
    {KURIER_WHY_REVOKING, true, is_revoking},
    {KURIER_WHY_LISTENER, true, is_untold},
    {KURIER_WHY_PAUSED, true, is_paused},
    {KURIER_WHY_FAILED, true, has_failed},
    {KURIER_WHY_MOVES, true, has_something},
    {KURIER_WHY_LOOKING_UP, true, waits_for_commit},
    {KURIER_WHY_NO_LEADER, true, has_no_leader},
    {KURIER_WHY_NO_CONNECTION, true, has_no_connection},
    {KURIER_WHY_BACKING_OFF, true, backs_off},
    {KURIER_WHY_HELD, true, is_held},
    {KURIER_WHY_LOOKING_UP, true, is_looked_up},
    {KURIER_WHY_COMMIT_HELD_BACK, true, is_walled},
    {KURIER_WHY_TRANSACTION, true, is_in_transaction},
    {KURIER_WHY_AT_END, true, is_at_end},
};

/* ---- The answer ----------------------------------------------------------------------*/

static void fill(struct view *v)
{
    kurier_explanation *out = v->out;
    *out = (kurier_explanation){
        .position = -1, .finished = -1, .committed = -1, .end = -1, .high_watermark = -1};
    if (!v->fetch)
        return;
    int64_t handed = atomic_load(&v->share->handed);
    struct kc_share *share = v->fetch->owner;
    out->position = handed >= 0 ? handed : v->fetch->start;
    out->finished = kc_share_finished(share, &v->walled).offset;
    out->held = (int32_t)kc_share_held(share);
    out->committed = share->committed;
    out->end = kc_fetch_end(&v->consumer->fetcher, v->fetch);
    out->high_watermark = v->fetch->high_watermark;
}

void kc_consumer_explain(struct kurier_consumer *c, const char *topic, int32_t partition,
                         kurier_explanation *out)
{
    struct kc_share *share = kc_consumer_find(c, topic, partition);
    struct view v = {.consumer = c,
                     .share = share,
                     .fetch = share ? share->fetch : NULL,
                     .now = kn_loop_now(kc_client_loop(c->client)),
                     .out = out};
    fill(&v);
    for (size_t i = 0; i < KB_ARRAY_SIZE(reasons); i++)
        if (v.fetch ? reasons[i].stands(&v) : !reasons[i].assigned && reasons[i].stands(&v)) {
            out->why = reasons[i].why;
            return;
        }
    out->why = KURIER_WHY_MOVES;
    say(&v, "it is being fetched");
}
