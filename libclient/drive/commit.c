/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/commit.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/membership.h"
#include "libclient/drive/verdict.h"
#include "wire/writer.h"
#include <stdlib.h>
#include <string.h>

enum {
    OFFSET_COMMIT = 8,
    MIN_VERSION = 2,
    BY_NAME = 9, /* the last version that names topics */
    MAX_VERSION = 10,
    ARENA_BYTES = 16 << 20
};

struct kc_commits {
    struct kurier_consumer *consumer;
    struct kb_list queue; /* struct kc_commit */
    struct kn_timer timer;

    /* on its way: the first of them, or one whose owner has stopped waiting */
    struct kc_ask ask;
    bool asking;
    struct kc_commit *flying; /* NULL: the latter */
    bool by_name;             /* an id was not known to the coordinator */
    struct kb_arena arena;
    struct kw_offset_commit_request request;
    struct kc_backoff backoff;
    int64_t not_before_ms;
};

static struct kc_commit *first(const struct kc_commits *s)
{
    return KB_LIST_FIRST(&s->queue, struct kc_commit, node);
}

static struct kb_time now_of(const struct kc_commits *s)
{
    return kn_loop_now(kc_client_loop(s->consumer->client));
}

bool kc_commits_idle(const struct kc_commits *s)
{
    return kb_list_empty(&s->queue);
}

/* ---- Outcomes ------------------------------------------------------------------*/

static void settle(struct kc_commit_row *row, int32_t code)
{
    row->settled = true;
    row->code = code;
    if (!code)
        row->share->committed = row->offset;
}

static const struct kc_commit_row *first_refused(const struct kc_commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        if (!commit->rows[i].settled || commit->rows[i].code)
            return &commit->rows[i];
    return NULL;
}

static void say_refused(const struct kc_commit_row *row, struct kb_error *err)
{
    kb_error_set(err, row->code, "%s[%d]: offset %lld is not committed: %s", row->share->topic,
                 row->share->partition, (long long)row->offset, kb_code_text(row->code));
}

static void end(struct kc_commits *s, struct kc_commit *commit, const struct kb_error *why)
{
    struct kb_error err;
    kb_error_clear(&err);
    const struct kc_commit_row *refused = first_refused(commit);
    kb_list_remove(&commit->node);
    if (s->flying == commit)
        s->flying = NULL;
    if (refused && refused->settled)
        say_refused(refused, &err);
    else if (refused)
        err = *why;
    commit->on_done(commit, &err);
}

static void say_late(const struct kc_commits *s, const struct kc_commit *commit,
                     struct kb_error *err)
{
    if (commit->last_code)
        kb_error_set(err, commit->last_code, "not committed in time: %s",
                     kb_code_text(commit->last_code));
    else if (s->flying == commit)
        kb_error_set(err, KB_E_TIMED_OUT, "the coordinator did not answer the commit in time");
    else
        kb_error_set(err, KB_E_TIMED_OUT,
                     "not committed in time: the group's coordinator is not known, or slow");
}

static struct kc_commit *late_one(const struct kc_commits *s)
{
    KB_LIST_EACH(it, &s->queue) {
        struct kc_commit *commit = KB_CONTAINER(it, struct kc_commit, node);
        if (commit->deadline_ms <= now_of(s).mono_ms)
            return commit;
    }
    return NULL;
}

/* What was sent is not unsent: the next goes when it was answered. True: some were. */
static bool fail_late(struct kc_commits *s)
{
    struct kc_commit *commit;
    bool any = false;
    for (; (commit = late_one(s)); any = true) {
        struct kb_error err;
        say_late(s, commit, &err);
        end(s, commit, &err);
    }
    return any;
}

/* ---- Sending -------------------------------------------------------------------*/

static struct kb_uuid id_of(const struct kc_commits *s, const struct kc_share *share)
{
    const struct kc_topic *topic = kc_metadata_topic(&s->consumer->client->metadata, share->topic);
    return topic ? topic->id : (struct kb_uuid){{0}};
}

/* The partition has moved on since the row was made. */
static bool is_lost(const struct kc_commits *s, const struct kc_commit_row *row)
{
    if (row->assignment)
        return row->assignment != row->share->assignment;
    return s->consumer->subscribed;
}

static int by_place(const void *a, const void *b)
{
    const struct kc_share *x = ((const struct kc_commit_row *)a)->share;
    const struct kc_share *y = ((const struct kc_commit_row *)b)->share;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* How many rows from that one on are of its topic. */
static size_t run_of(const struct kc_commit *commit, size_t i)
{
    size_t n = 1;
    while (i + n < commit->count &&
           !strcmp(commit->rows[i].share->topic, commit->rows[i + n].share->topic))
        n++;
    return n;
}

static void write_row(struct kw_offset_commit_request_topic *topic, const struct kc_commit_row *row)
{
    struct kw_offset_commit_request_partition *p = &topic->partitions[topic->partitions_count++];
    kw_offset_commit_request_partition_init(p);
    p->partition_index = row->share->partition;
    p->committed_offset = row->offset;
    p->committed_leader_epoch = row->leader_epoch;
    p->committed_metadata = kb_slice_str(row->metadata ? row->metadata : "");
}

/* Those of one topic's rows that are still to be settled, and still ours. */
static bool write_topic(struct kc_commits *s, struct kc_commit_row *rows, size_t n)
{
    struct kw_offset_commit_request_topic *topic = &s->request.topics[s->request.topics_count];
    kw_offset_commit_request_topic_init(topic);
    topic->name = kb_slice_str(rows->share->topic);
    topic->topic_id = id_of(s, rows->share);
    topic->partitions = kb_arena_array(&s->arena, n, sizeof *topic->partitions);
    if (!topic->partitions)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].settled && is_lost(s, &rows[i]))
            settle(&rows[i], KB_E_ASSIGNMENT_LOST);
        if (!rows[i].settled)
            write_row(topic, &rows[i]);
    }
    s->request.topics_count += topic->partitions_count > 0;
    return true;
}

/* Copied: it may be encoded only once a connection stands. False: no memory. */
static bool identify(struct kc_commits *s)
{
    struct kw_offset_commit_request *r = &s->request;
    struct kc_identity me;
    kc_membership_identity(s->consumer->membership, &me);
    kw_offset_commit_request_init(r);
    const char *member = kb_arena_strdup(&s->arena, kb_slice_str(me.member));
    const char *instance =
        me.instance ? kb_arena_strdup(&s->arena, kb_slice_str(me.instance)) : NULL;
    if (!member || (me.instance && !instance))
        return false;
    r->group_id = kb_slice_str(s->consumer->options->group_id);
    r->member_id = kb_slice_str(member);
    r->generation_id_or_member_epoch = me.generation;
    if (instance)
        r->group_instance_id = kb_slice_str(instance);
    return true;
}

/* False: no memory. */
static bool plan(struct kc_commits *s, const struct kc_commit *commit)
{
    kb_arena_reset(&s->arena);
    if (!identify(s))
        return false;
    s->request.topics =
        commit->count ? kb_arena_array(&s->arena, commit->count, sizeof *s->request.topics) : NULL;
    if (commit->count && !s->request.topics)
        return false;
    for (size_t i = 0, n; i < commit->count; i += n) {
        n = run_of(commit, i);
        if (!write_topic(s, &commit->rows[i], n))
            return false;
    }
    return true;
}

static int16_t max_version(const struct kc_commits *s)
{
    for (int32_t i = 0; i < s->request.topics_count; i++)
        if (s->by_name || kb_uuid_is_zero(s->request.topics[i].topic_id))
            return BY_NAME;
    return MAX_VERSION;
}

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_commits *s = KB_CONTAINER(ask, struct kc_commits, ask);
    return kw_offset_commit_request_encode(out, version, &s->request) ? 0 : KB_E_NO_MEMORY;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer);

static void send_it(struct kc_commits *s, int32_t node)
{
    const struct kc_common_options *common = &s->consumer->client->options->common;
    s->ask = (struct kc_ask){.api_key = OFFSET_COMMIT,
                             .min_version = MIN_VERSION,
                             .max_version = max_version(s),
                             .deadline_ms = kb_deadline(now_of(s), common->request_timeout_ms),
                             .encode = encode,
                             .on_answer = on_answer};
    s->asking = true;
    s->flying = first(s);
    kc_client_ask(s->consumer->client, node, &s->ask);
}

static void set_timer(struct kc_commits *s)
{
    int64_t due_ms = KB_NEVER;
    KB_LIST_EACH(it, &s->queue)
        due_ms = KB_MIN(due_ms, KB_CONTAINER(it, struct kc_commit, node)->deadline_ms);
    if (!kb_list_empty(&s->queue) && !s->asking && s->not_before_ms > now_of(s).mono_ms)
        due_ms = KB_MIN(due_ms, s->not_before_ms);
    kn_timer_set(kc_client_loop(s->consumer->client), &s->timer, due_ms);
}

static void wait_a_bit(struct kc_commits *s)
{
    struct kb_random *random = &s->consumer->client->runtime->random;
    s->not_before_ms = now_of(s).mono_ms + kc_backoff_next_ms(&s->backoff, random);
}

/* The first in the queue goes, or ends since nothing of it is left to send. */
static void go_on(struct kc_commits *s)
{
    struct kc_commit *commit;
    while (!s->asking && (commit = first(s)) && s->not_before_ms <= now_of(s).mono_ms) {
        if (!plan(s, commit)) {
            wait_a_bit(s);
            return;
        }
        if (!s->request.topics_count) {
            end(s, commit, NULL);
            continue;
        }
        struct kb_error why;
        int32_t node = kc_membership_coordinator(s->consumer->membership, &why);
        if (node >= 0)
            send_it(s, node);
        else if (why.classes & KB_RETRIABLE)
            return; /* it is looked for, and kc_commits_look called once it is known */
        else
            end(s, commit, &why);
    }
}

void kc_commits_look(struct kc_commits *s)
{
    go_on(s); /* first: what has no time is sent all the same */
    if (fail_late(s))
        go_on(s);
    set_timer(s);
}

static void on_timer(struct kn_timer *timer)
{
    kc_commits_look(KB_CONTAINER(timer, struct kc_commits, timer));
}

void kc_commits_put(struct kc_commits *s, struct kc_commit *commit)
{
    if (commit->count)
        qsort(commit->rows, commit->count, sizeof *commit->rows, by_place);
    kb_list_push_back(&s->queue, &commit->node);
    kc_commits_look(s);
}

/* ---- Answers -------------------------------------------------------------------*/

/* The membership has to know of it: it may not be a member any more. */
static bool concerns_membership(int32_t code)
{
    return code == KB_E_NOT_COORDINATOR || code == KB_E_COORDINATOR_NOT_AVAILABLE ||
           code == KB_E_ILLEGAL_GENERATION || code == KB_E_UNKNOWN_MEMBER_ID ||
           code == KB_E_FENCED_INSTANCE_ID || code == KB_E_STALE_MEMBER_EPOCH;
}

static bool is_hurried(const struct kc_commits *s)
{
    KB_LIST_EACH(it, &s->queue)
        if (KB_CONTAINER(it, struct kc_commit, node)->settle_by_ms <= now_of(s).mono_ms)
            return true;
    return false;
}

/* The group is past the generation that was sent, and so are we by now, or may be soon:
 * a round that was not over then may be since, and an epoch of KIP-848 comes with an
 * answer that is on its way. */
static bool may_settle(const struct kc_commits *s, int32_t code)
{
    struct kc_identity me;
    kc_membership_identity(s->consumer->membership, &me);
    if (me.generation != s->request.generation_id_or_member_epoch)
        return true;
    bool joining = kc_membership_standing(s->consumer->membership) == KC_STANDING_JOINING ||
                   code == KB_E_REBALANCE_IN_PROGRESS;
    return !is_hurried(s) && (joining || (me.by_epoch && me.generation > 0));
}

static void take_code(struct kc_commits *s, struct kc_commit *commit, struct kc_commit_row *row,
                      int32_t code, int32_t *heard)
{
    enum kc_verdict verdict = kc_verdict_of_commit(code);
    if (concerns_membership(code))
        *heard = code;
    s->by_name |= verdict == KC_VERDICT_BY_ITS_NAME;
    if (verdict == KC_VERDICT_SETTLED ||
        (verdict == KC_VERDICT_WHEN_SETTLED && !may_settle(s, code)))
        settle(row, code);
    else
        commit->last_code = code;
}

/* The topic's name, also where the answer has its id alone. NULL: not asked for. */
static struct kb_slice name_of(const struct kc_commits *s,
                               const struct kw_offset_commit_response_topic *topic)
{
    if (topic->name.size)
        return topic->name;
    for (int32_t i = 0; i < s->request.topics_count; i++)
        if (kb_uuid_equal(s->request.topics[i].topic_id, topic->topic_id))
            return s->request.topics[i].name;
    return (struct kb_slice){0};
}

static struct kc_commit_row *find_row(const struct kc_commit *commit, struct kb_slice topic,
                                      int32_t partition)
{
    size_t low = 0, high = commit->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct kc_commit_row *row = &commit->rows[middle];
        int order = kb_slice_compare(kb_slice_str(row->share->topic), topic);
        if (!order)
            order = (row->share->partition > partition) - (row->share->partition < partition);
        if (!order)
            return row->settled ? NULL : row;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Answers its code that the membership is to hear; 0: none. */
static int32_t take_rows(struct kc_commits *s, struct kc_commit *commit,
                         const struct kw_offset_commit_response *response)
{
    int32_t heard = 0;
    for (int32_t t = 0; t < response->topics_count; t++) {
        const struct kw_offset_commit_response_topic *topic = &response->topics[t];
        for (int32_t i = 0; i < topic->partitions_count; i++) {
            const struct kw_offset_commit_response_partition *p = &topic->partitions[i];
            struct kc_commit_row *row = find_row(commit, name_of(s, topic), p->partition_index);
            if (row)
                take_code(s, commit, row, p->error_code, &heard);
        }
    }
    return heard;
}

/* An answer that cannot be read, or none: another coordinator may know better. */
static int32_t take_answer(struct kc_commits *s, const struct kn_answer *answer)
{
    struct kw_offset_commit_response response;
    if (answer->err ||
        !kw_offset_commit_response_decode(answer->body, answer->version, &s->arena, &response))
        return KB_E_COORDINATOR_NOT_AVAILABLE;
    return s->flying ? take_rows(s, s->flying, &response) : 0;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_commits *s = KB_CONTAINER(ask, struct kc_commits, ask);
    int32_t heard = take_answer(s, answer);
    bool over = !s->flying;
    if (s->flying) {
        const struct kc_commit_row *refused = first_refused(s->flying);
        over = !refused || refused->settled;
    }
    s->asking = false;
    s->flying = NULL;
    s->not_before_ms = 0;
    if (over)
        kc_backoff_reset(&s->backoff);
    else
        wait_a_bit(s);
    if (heard)
        kc_membership_heard(s->consumer->membership, s->request.generation_id_or_member_epoch,
                            heard);
    kc_commits_look(s);
}

void kc_commits_cancel(struct kc_commits *s, struct kc_commit *commit)
{
    kb_list_remove(&commit->node);
    if (s->flying == commit)
        s->flying = NULL;
}

/* ---- Life ----------------------------------------------------------------------*/

struct kc_commits *kc_commits_new(struct kurier_consumer *consumer)
{
    const struct kc_common_options *common = &consumer->client->options->common;
    struct kc_commits *s = KB_NEW(struct kc_commits);
    if (!s)
        return NULL;
    s->consumer = consumer;
    kb_list_init(&s->queue);
    kn_timer_init(&s->timer, on_timer);
    kb_arena_init(&s->arena, ARENA_BYTES);
    kc_backoff_init(&s->backoff, common->retry_backoff_ms, common->retry_backoff_max_ms);
    return s;
}

void kc_commits_free(struct kc_commits *s)
{
    struct kb_error closed;
    struct kc_commit *commit;
    if (!s)
        return;
    kb_error_set(&closed, KB_E_CLOSED, "the consumer was closed before this was committed");
    kn_timer_cancel(kc_client_loop(s->consumer->client), &s->timer);
    if (s->asking)
        kc_ask_cancel(&s->ask);
    while ((commit = first(s)))
        end(s, commit, &closed);
    kb_arena_deinit(&s->arena);
    kb_free(s);
}

/* ---- What is finished ------------------------------------------------------------*/

/* The position that may be committed. Where nothing was handed out it is where the
 * partition began by auto.offset.reset: so that one who comes after us, and what was
 * written meanwhile, are not subject to it again. */
static struct kc_spot position_of(struct kc_share *share)
{
    bool walled;
    struct kc_spot spot = kc_share_finished(share, &walled);
    if (spot.offset < 0 && share->fetch->state == KC_FETCH_READY)
        spot = (struct kc_spot){share->fetch->start, -1};
    return spot;
}

bool kc_commits_finished(struct kurier_consumer *c, bool (*chosen)(const struct kc_share *share),
                         bool again, struct kc_commit *out)
{
    out->count = 0;
    out->rows = c->assigned ? kb_malloc((size_t)c->assigned * sizeof *out->rows) : NULL;
    if (c->assigned && !out->rows)
        return false;
    for (struct kb_map_entry *e = NULL; (e = kb_map_next(&c->shares, e));) {
        struct kc_share *share = KB_MAP_VALUE(e, struct kc_share, by_key);
        if (!share->fetch || (chosen && !chosen(share)))
            continue;
        struct kc_spot spot = position_of(share);
        if (spot.offset >= 0 && (again || spot.offset != share->committed))
            out->rows[out->count++] = (struct kc_commit_row){.share = share,
                                                             .assignment = share->assignment,
                                                             .offset = spot.offset,
                                                             .leader_epoch = spot.leader_epoch};
    }
    return true;
}
