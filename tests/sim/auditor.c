/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/auditor.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "tests/sim/raw.h"
#include "tests/sim/raw_assign.h"
#include "wire/api.h"
#include "wire/gen/offset_fetch.h"

enum { BODY_MAX = 1 << 20, FETCH_VERSION = 7, PACE_MAX_MS = 300 };

struct auditor {
    const struct auditor_plan *plan;
    struct process *process;
    struct raw_link link;
    struct kn_timer pace;
    bool asked;
    int64_t sent_ms;
};

static void take_row(const struct auditor *a, struct kb_slice topic,
                     const struct kw_offset_fetch_response_partition *row)
{
    struct run *run = a->plan->run;
    if (!row->error_code)
        ledger_audit(&run->ledger, raw_log(run, topic, row->partition_index), row->committed_offset,
                     a->sent_ms, world_now_ms(&run->world), a->plan->echo_ms);
}

static void on_answer(void *ctx, const struct kn_answer *answer)
{
    struct kw_offset_fetch_response response;
    struct auditor *a = ctx;
    struct kb_arena arena;
    a->asked = false;
    if (answer->err)
        return;
    kb_arena_init(&arena, BODY_MAX);
    bool ok = kw_offset_fetch_response_decode(answer->body, answer->version, &arena, &response);
    KB_CHECK(ok);
    for (int32_t t = 0; !response.error_code && t < response.topics_count; t++)
        for (int32_t i = 0; i < response.topics[t].partitions_count; i++)
            take_row(a, response.topics[t].name, &response.topics[t].partitions[i]);
    kb_arena_deinit(&arena);
}

static void ask(struct auditor *a)
{
    static int32_t all[WORLD_PARTITIONS] = {0, 1, 2};
    struct kw_offset_fetch_request_topic topics[CLIENT_TOPICS];
    struct kw_offset_fetch_request request;
    struct kw_writer body;
    kw_offset_fetch_request_init(&request);
    request.group_id = kb_slice_str(a->plan->group);
    request.topics = topics;
    for (int i = 0; (*a->plan->topics)[i]; i++) {
        kw_offset_fetch_request_topic_init(&topics[i]);
        topics[i].name = kb_slice_str((*a->plan->topics)[i]);
        topics[i].partition_indexes = all;
        topics[i].partition_indexes_count = WORLD_PARTITIONS;
        request.topics_count++;
    }
    kw_writer_init(&body, BODY_MAX);
    kw_offset_fetch_request_encode(&body, FETCH_VERSION, &request);
    a->asked = true;
    a->sent_ms = world_now_ms(a->process->world);
    raw_call(&a->link, KW_API_OFFSET_FETCH, FETCH_VERSION, &body, on_answer, a);
}

static void on_pace(struct kn_timer *timer)
{
    struct auditor *a = KB_CONTAINER(timer, struct auditor, pace);
    struct world *w = a->process->world;
    if (!a->asked && raw_link_is_up(&a->link))
        ask(a);
    kn_timer_set(a->process->loop, timer, world_now_ms(w) + world_between(w, 10, PACE_MAX_MS));
}

static void on_up(struct raw_link *link)
{
    KB_CONTAINER(link, struct auditor, link)->asked = false;
}

static void *start(struct process *process, void *ctx)
{
    struct auditor *a = KB_NEW(struct auditor);
    KB_CHECK(a);
    *a = (struct auditor){.plan = ctx, .process = process};
    raw_link_open(&a->link, process, on_up);
    kn_timer_init(&a->pace, on_pace);
    kn_timer_set(process->loop, &a->pace, world_now_ms(process->world) + 1);
    return a;
}

static int64_t turn(void *self)
{
    enum { SELDOM_MS = 60 * 1000 }; /* it has a pace of its own */
    (void)self;
    return SELDOM_MS;
}

static void end(void *self, bool killed)
{
    struct auditor *a = self;
    (void)killed;
    kn_timer_cancel(a->process->loop, &a->pace);
    raw_link_close(&a->link);
    kb_free(a);
}

const struct program program_auditor = {
    .name = "auditor", .mortal = false, .start = start, .turn = turn, .end = end};
