/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/raw_member.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "tests/sim/raw_assign.h"
#include "wire/api.h"
#include "wire/gen/find_coordinator.h"
#include "wire/gen/heartbeat.h"
#include "wire/gen/join_group.h"
#include "wire/gen/leave_group.h"
#include "wire/gen/offset_commit.h"
#include "wire/gen/offset_fetch.h"
#include "wire/gen/sync_group.h"

#include <stdio.h>
#include <string.h>

enum {
    BODY_MAX = 1 << 20,
    SESSION_MS = 1500,
    REBALANCE_MS = 2000,
    FIND_VERSION = 3,
    JOIN_VERSION = 9,
    SYNC_VERSION = 5,
    HEARTBEAT_VERSION = 4,
    LEAVE_VERSION = 5,
    COMMIT_VERSION = 9,
    FETCH_VERSION = 7,
};

const char *const raw_member_topics[RAW_MEMBER_TOPICS] = {"left", "right"};

static const struct kb_slice group = {(const uint8_t *)"raw", 3};

enum state { OUT, JOINING, SYNCING, IN };

struct raw_member {
    struct raw_member_plan *plan;
    struct run *run;
    struct process *process;
    struct raw_link link, side; /* a parked join holds up its connection: commits have theirs */
    struct kn_timer pace;
    enum state state;
    bool found; /* the coordinator, which is the one broker there is */
    bool asked; /* on link; a heartbeat more does not count */
    char id[96];
    int32_t generation;
    int life; /* in the ledger; -1: not in the group */
    bool holds[HISTORY_LOGS];
    bool knows; /* what is committed for what it holds */
    bool reading, committing;
    int64_t read_ms;
    int64_t next[HISTORY_LOGS];
};

static bool is_calm(const struct raw_member *m)
{
    return !run_goes_on(m->run);
}

static struct kb_slice instance_of(const struct raw_member *m)
{
    return m->plan->instance[0] ? kb_slice_str(m->plan->instance) : kb_slice_null();
}

/* ---- In and out --------------------------------------------------------- */

static void lose(struct raw_member *m)
{
    if (m->life >= 0)
        ledger_leave(&m->run->ledger, m->life);
    m->life = -1;
    m->knows = m->plan->settled = false;
    m->state = OUT;
    m->asked = false;
}

/* Its partitions stay its own until it is told of others. */
static void join_again(struct raw_member *m)
{
    m->knows = m->plan->settled = false;
    m->state = OUT;
}

static bool is_out(int code)
{
    return code == KB_E_UNKNOWN_MEMBER_ID || code == KB_E_FENCED_INSTANCE_ID;
}

/* Of any answer of the coordinator's. True: it was no error. */
static bool take_code(struct raw_member *m, int code)
{
    if (code == KB_OK)
        return true;
    world_trace(&m->run->world, "  %s: %s", m->process->node, kb_code_name(code));
    if (is_out(code)) {
        m->id[0] = m->plan->id[0] = '\0';
        lose(m);
    } else if (code == KB_E_REBALANCE_IN_PROGRESS) {
        join_again(m);
    } else if (code == KB_E_ILLEGAL_GENERATION || code == KB_E_GROUP_ID_NOT_FOUND) {
        lose(m);
    } else if (code != KB_E_MEMBER_ID_REQUIRED && !(kb_code_classes(code) & KB_RETRIABLE)) {
        run_complain(m->run, "a member hears %s", kb_code_name(code));
    }
    return false;
}

/* Decodes an answer into `response`; false: there was none. */
#define TAKE(answer, arena, api, response)                                                         \
    ((answer)->err                                                                                 \
         ? false                                                                                   \
         : kw_##api##_response_decode((answer)->body, (answer)->version, arena, response))

/* ---- The coordinator ---------------------------------------------------- */

static void answer_find(void *ctx, const struct kn_answer *answer)
{
    struct kw_find_coordinator_response response;
    struct raw_member *m = ctx;
    struct kb_arena arena;
    kb_arena_init(&arena, BODY_MAX);
    m->asked = false;
    m->found = TAKE(answer, &arena, find_coordinator, &response) && !response.error_code;
    kb_arena_deinit(&arena);
}

/* The first who asks has it made. */
static void find_coordinator(struct raw_member *m)
{
    struct kw_find_coordinator_request request;
    struct kw_writer body;
    kw_find_coordinator_request_init(&request);
    request.key = group;
    kw_writer_init(&body, BODY_MAX);
    kw_find_coordinator_request_encode(&body, FIND_VERSION, &request);
    m->asked = true;
    raw_call(&m->link, KW_API_FIND_COORDINATOR, FIND_VERSION, &body, answer_find, m);
}

/* ---- Heartbeats --------------------------------------------------------- */

static void answer_heartbeat(void *ctx, const struct kn_answer *answer)
{
    struct kw_heartbeat_response response;
    struct raw_member *m = ctx;
    struct kb_arena arena;
    kb_arena_init(&arena, BODY_MAX);
    if (TAKE(answer, &arena, heartbeat, &response) && m->state == IN)
        take_code(m, response.error_code);
    kb_arena_deinit(&arena);
}

static void send_heartbeat(struct raw_member *m)
{
    struct kw_heartbeat_request request;
    struct kw_writer body;
    if (!raw_link_is_up(&m->link))
        return;
    kw_heartbeat_request_init(&request);
    request.group_id = group;
    request.generation_id = m->generation;
    request.member_id = kb_slice_str(m->id);
    request.group_instance_id = instance_of(m);
    kw_writer_init(&body, BODY_MAX);
    kw_heartbeat_request_encode(&body, HEARTBEAT_VERSION, &request);
    raw_call(&m->link, KW_API_HEARTBEAT, HEARTBEAT_VERSION, &body, answer_heartbeat, m);
}

/* ---- Sync --------------------------------------------------------------- */

static void hold(struct raw_member *m, struct kb_slice assignment)
{
    raw_assignment_read(m->run, assignment, m->holds);
    if (m->life < 0)
        m->life = ledger_enter(&m->run->ledger, false);
    ledger_hold(&m->run->ledger, m->life, m->generation, m->holds, world_now_ms(&m->run->world));
    m->state = IN;
}

static void answer_sync(void *ctx, const struct kn_answer *answer)
{
    struct kw_sync_group_response response;
    struct raw_member *m = ctx;
    struct kb_arena arena;
    kb_arena_init(&arena, BODY_MAX);
    bool heard = TAKE(answer, &arena, sync_group, &response);
    m->asked = false;
    if (!heard)
        join_again(m);
    else if (take_code(m, response.error_code))
        hold(m, response.assignment);
    else
        m->state = OUT;
    kb_arena_deinit(&arena);
}

static void send_sync(struct raw_member *m, const struct kw_join_group_response *joined)
{
    struct kw_sync_group_request_assignment assignments[RAW_ASSIGN_MEMBERS];
    struct kw_sync_group_request request;
    struct kw_writer body;
    struct kb_arena arena;
    kb_arena_init(&arena, BODY_MAX);
    kw_sync_group_request_init(&request);
    request.group_id = group;
    request.generation_id = m->generation;
    request.member_id = kb_slice_str(m->id);
    request.group_instance_id = instance_of(m);
    request.protocol_type = joined->protocol_type;
    request.protocol_name = joined->protocol_name;
    request.assignments = assignments;
    request.assignments_count = raw_assign(joined, m->generation, assignments, &arena);
    kw_writer_init(&body, BODY_MAX);
    kw_sync_group_request_encode(&body, SYNC_VERSION, &request);
    m->state = SYNCING;
    m->asked = true;
    raw_call(&m->link, KW_API_SYNC_GROUP, SYNC_VERSION, &body, answer_sync, m);
    kb_arena_deinit(&arena);
}

/* ---- Join --------------------------------------------------------------- */

static void take_id(struct raw_member *m, struct kb_slice id)
{
    if (!id.size)
        return;
    KB_CHECK(id.size < sizeof m->id);
    memcpy(m->id, id.data, id.size);
    m->id[id.size] = '\0';
}

static void answer_join(void *ctx, const struct kn_answer *answer)
{
    struct kw_join_group_response response;
    struct raw_member *m = ctx;
    struct kb_arena arena;
    kb_arena_init(&arena, BODY_MAX);
    bool heard = TAKE(answer, &arena, join_group, &response);
    m->asked = false;
    m->state = OUT;
    if (heard) {
        if (!is_out(response.error_code))
            take_id(m, response.member_id);
        if (take_code(m, response.error_code)) {
            m->generation = response.generation_id;
            send_sync(m, &response);
        }
    }
    kb_arena_deinit(&arena);
}

static void send_join(struct raw_member *m)
{
    struct kw_join_group_request request;
    struct kw_join_group_request_protocol protocol;
    struct kw_writer body;
    struct kb_arena arena;
    kb_arena_init(&arena, BODY_MAX);
    kw_join_group_request_init(&request);
    kw_join_group_request_protocol_init(&protocol);
    protocol.name = kb_slice_str("turns");
    protocol.metadata = raw_subscription(&arena);
    request.group_id = group;
    request.session_timeout_ms = SESSION_MS;
    request.rebalance_timeout_ms = REBALANCE_MS;
    request.member_id = kb_slice_str(m->id);
    request.group_instance_id = instance_of(m);
    request.protocol_type = kb_slice_str("consumer");
    request.protocols = &protocol;
    request.protocols_count = 1;
    kw_writer_init(&body, BODY_MAX);
    kw_join_group_request_encode(&body, JOIN_VERSION, &request);
    m->state = JOINING;
    m->asked = true;
    raw_call(&m->link, KW_API_JOIN_GROUP, JOIN_VERSION, &body, answer_join, m);
    kb_arena_deinit(&arena);
}

/* ---- Leave -------------------------------------------------------------- */

static void answer_leave(void *ctx, const struct kn_answer *answer)
{
    struct raw_member *m = ctx;
    (void)answer;
    m->asked = false;
}

static void send_leave(struct raw_member *m)
{
    struct kw_leave_group_request request;
    struct kw_leave_group_request_member member;
    struct kw_writer body;
    kw_leave_group_request_init(&request);
    kw_leave_group_request_member_init(&member);
    request.group_id = group;
    request.members = &member;
    request.members_count = 1;
    member.member_id = kb_slice_str(m->id);
    member.group_instance_id = instance_of(m);
    kw_writer_init(&body, BODY_MAX);
    kw_leave_group_request_encode(&body, LEAVE_VERSION, &request);
    lose(m);
    m->asked = true;
    raw_call(&m->link, KW_API_LEAVE_GROUP, LEAVE_VERSION, &body, answer_leave, m);
    m->id[0] = '\0';
}

/* ---- What is committed -------------------------------------------------- */

static void answer_read(void *ctx, const struct kn_answer *answer)
{
    struct kw_offset_fetch_response response;
    struct raw_member *m = ctx;
    struct kb_arena arena;
    m->reading = false;
    kb_arena_init(&arena, BODY_MAX);
    bool heard = TAKE(answer, &arena, offset_fetch, &response) && !response.error_code;
    bool whole = heard && m->state == IN;
    for (int32_t t = 0; heard && t < response.topics_count; t++)
        for (int32_t i = 0; i < response.topics[t].partitions_count; i++) {
            const struct kw_offset_fetch_response_partition *row =
                &response.topics[t].partitions[i];
            int log = raw_log(m->run, response.topics[t].name, row->partition_index);
            whole = whole && !row->error_code;
            if (row->error_code)
                continue;
            ledger_read(&m->run->ledger, log, row->committed_offset, m->read_ms);
            m->next[log] = KB_MAX(row->committed_offset, 0);
        }
    m->knows = m->plan->settled = whole;
    kb_arena_deinit(&arena);
}

/* Of everything, whoever holds it. */
static void read_committed(struct raw_member *m)
{
    static int32_t all[WORLD_PARTITIONS] = {0, 1, 2};
    struct kw_offset_fetch_request_topic topics[RAW_MEMBER_TOPICS];
    struct kw_offset_fetch_request request;
    struct kw_writer body;
    kw_offset_fetch_request_init(&request);
    request.group_id = group;
    request.topics = topics;
    request.topics_count = RAW_MEMBER_TOPICS;
    for (int i = 0; i < RAW_MEMBER_TOPICS; i++) {
        kw_offset_fetch_request_topic_init(&topics[i]);
        topics[i].name = kb_slice_str(raw_member_topics[i]);
        topics[i].partition_indexes = all;
        topics[i].partition_indexes_count = WORLD_PARTITIONS;
    }
    kw_writer_init(&body, BODY_MAX);
    kw_offset_fetch_request_encode(&body, FETCH_VERSION, &request);
    m->reading = true;
    m->read_ms = world_now_ms(&m->run->world);
    raw_call(&m->side, KW_API_OFFSET_FETCH, FETCH_VERSION, &body, answer_read, m);
}

/* One commit on its way, and what it is in the ledger. */
struct commit {
    struct raw_member *member;
    int log, number;
};

static enum ledger_told told_of(int code)
{
    bool known = is_out(code) || code == KB_E_ILLEGAL_GENERATION ||
                 code == KB_E_GROUP_ID_NOT_FOUND || code == KB_E_REBALANCE_IN_PROGRESS;
    return code == KB_OK ? LEDGER_ACCEPTED : known ? LEDGER_REFUSED : LEDGER_NOTHING;
}

static void answer_commit(void *ctx, const struct kn_answer *answer)
{
    struct kw_offset_commit_response response;
    struct commit *commit = ctx;
    struct raw_member *m = commit->member;
    struct kb_arena arena;
    kb_arena_init(&arena, BODY_MAX);
    m->committing = false;
    if (TAKE(answer, &arena, offset_commit, &response)) {
        int code = response.topics->partitions->error_code;
        world_trace(&m->run->world, "  %s: commit of %s-%d at %lld: %s", m->process->node,
                    m->run->history.topics[commit->log / HISTORY_PARTITIONS].name,
                    commit->log % HISTORY_PARTITIONS,
                    (long long)m->run->ledger.commits[commit->number].offset, kb_code_name(code));
        ledger_told(&m->run->ledger, commit->number, told_of(code), world_now_ms(&m->run->world));
        if (m->state == IN && m->generation == m->run->ledger.commits[commit->number].generation)
            take_code(m, code);
    }
    kb_arena_deinit(&arena);
    kb_free(commit);
}

static void send_commit(struct raw_member *m, int log)
{
    struct kw_offset_commit_request_partition partition;
    struct kw_offset_commit_request_topic topic;
    struct kw_offset_commit_request request;
    struct kw_writer body;
    struct commit *commit = KB_NEW(struct commit);
    KB_CHECK(commit);
    m->next[log] += world_between(&m->run->world, 1, 20);
    *commit = (struct commit){
        m, log,
        ledger_commit(&m->run->ledger, m->life, log, m->next[log], world_now_ms(&m->run->world))};
    kw_offset_commit_request_init(&request);
    kw_offset_commit_request_topic_init(&topic);
    kw_offset_commit_request_partition_init(&partition);
    request.group_id = group;
    request.generation_id_or_member_epoch = m->run->ledger.commits[commit->number].generation;
    request.member_id = kb_slice_str(m->id);
    request.group_instance_id = instance_of(m);
    request.topics = &topic;
    request.topics_count = 1;
    topic.name = kb_slice_str(m->run->history.topics[log / HISTORY_PARTITIONS].name);
    topic.partitions = &partition;
    topic.partitions_count = 1;
    partition.partition_index = log % HISTORY_PARTITIONS;
    partition.committed_offset = m->next[log];
    partition.committed_metadata = kb_slice_str("");
    kw_writer_init(&body, BODY_MAX);
    kw_offset_commit_request_encode(&body, COMMIT_VERSION, &request);
    m->committing = true;
    raw_call(&m->side, KW_API_OFFSET_COMMIT, COMMIT_VERSION, &body, answer_commit, commit);
}

/* ---- What it does ------------------------------------------------------- */

/* In generations that are over as well: whoever is not told yet goes on. */
static void work(struct raw_member *m)
{
    struct world *w = &m->run->world;
    if (m->life < 0 || m->committing || m->reading || !raw_link_is_up(&m->side))
        return;
    if (m->state == IN && !m->knows) {
        read_committed(m);
        return;
    }
    int first = (int)world_between(w, 0, HISTORY_LOGS - 1);
    for (int i = 0; i < HISTORY_LOGS; i++) {
        int log = (first + i) % HISTORY_LOGS;
        if (m->holds[log]) {
            send_commit(m, log);
            return;
        }
    }
}

static void step(struct raw_member *m)
{
    struct world *w = &m->run->world;
    bool restless = !is_calm(m);
    if (restless || m->state != IN || !m->knows)
        work(m);
    if (m->asked || !raw_link_is_up(&m->link))
        return;
    if (!m->found) {
        find_coordinator(m);
    } else if (m->state == OUT) {
        send_join(m);
    } else if (restless && world_between(w, 0, 99) == 0) {
        send_leave(m);
    } else {
        send_heartbeat(m);
        if (restless && world_between(w, 0, 9) == 0)
            send_heartbeat(m);
    }
}

/* Now and then it is silent for longer than its session. */
static void on_pace(struct kn_timer *timer)
{
    struct raw_member *m = KB_CONTAINER(timer, struct raw_member, pace);
    struct world *w = &m->run->world;
    step(m);
    bool silent = !is_calm(m) && world_between(w, 0, 149) == 0;
    int64_t ms = silent ? world_between(w, SESSION_MS, 3 * SESSION_MS) : world_between(w, 10, 100);
    kn_timer_set(m->process->loop, timer, world_now_ms(w) + ms);
}

/* What was in flight has failed already. */
static void on_up(struct raw_link *link)
{
    struct raw_member *m = KB_CONTAINER(link, struct raw_member, link);
    m->found = m->asked = false;
}

static void on_side_up(struct raw_link *link)
{
    (void)link;
}

static void *start(struct process *process, void *ctx)
{
    struct raw_member_plan *plan = ctx;
    struct raw_member *m = KB_NEW(struct raw_member);
    KB_CHECK(m);
    *m = (struct raw_member){.plan = plan, .run = plan->run, .process = process, .life = -1};
    raw_link_open(&m->link, process, on_up);
    raw_link_open(&m->side, process, on_side_up);
    kn_timer_init(&m->pace, on_pace);
    kn_timer_set(process->loop, &m->pace, world_now_ms(process->world) + 1);
    return m;
}

static int64_t turn(void *self)
{
    enum { SELDOM_MS = 60 * 1000 }; /* it has a pace of its own */
    (void)self;
    return SELDOM_MS;
}

static void end(void *self, bool killed)
{
    struct raw_member *m = self;
    (void)killed;
    kn_timer_cancel(m->process->loop, &m->pace);
    raw_link_close(&m->link);
    raw_link_close(&m->side);
    lose(m);
    kb_free(m);
}

const struct program program_raw_member = {
    .name = "member", .mortal = true, .start = start, .turn = turn, .end = end};
