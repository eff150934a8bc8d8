/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/checkers.h"
#include "base/check.h"

bool kd_checkers_init(struct kd_checkers *checkers, struct kn_exec *exec, struct kn_loop *loop,
                      int threads)
{
    *checkers = (struct kd_checkers){.exec = exec, .loop = loop};
    kb_list_init(&checkers->waiting);
    int wanted = KB_MIN(KB_MAX(threads / 2, 1), (int)KD_CHECKERS_MAX);
    while (checkers->limit < wanted) {
        struct kw_codec_ctx *codec = kw_codec_ctx_new();
        if (!codec)
            return false;
        checkers->idle[checkers->limit++] = codec;
        checkers->idle_count++;
    }
    return true;
}

void kd_checkers_deinit(struct kd_checkers *checkers)
{
    while (checkers->idle_count > 0)
        kw_codec_ctx_free(checkers->idle[--checkers->idle_count]);
}

static bool is_empty(const struct kd_checkers *checkers)
{
    return checkers->idle_count == checkers->limit && kb_list_empty(&checkers->waiting);
}

static void start_waiting(struct kd_checkers *checkers);

static void run(struct kn_job *job)
{
    struct kd_check *check = KB_CONTAINER(job, struct kd_check, job);
    check->run(check, check->codec);
}

/* The check is gone after its done(). */
static void on_run(struct kn_job *job)
{
    struct kd_check *check = KB_CONTAINER(job, struct kd_check, job);
    struct kd_checkers *checkers = check->checkers;
    checkers->idle[checkers->idle_count++] = check->codec;
    start_waiting(checkers);
    check->done(check, true);
    if (checkers->drained && is_empty(checkers))
        kd_checkers_drain(checkers, checkers->drained);
}

static void start_waiting(struct kd_checkers *checkers)
{
    while (checkers->idle_count > 0 && !kb_list_empty(&checkers->waiting)) {
        struct kd_check *check =
            KB_CONTAINER(kb_list_pop_front(&checkers->waiting), struct kd_check, link);
        check->codec = checkers->idle[--checkers->idle_count];
        check->job = (struct kn_job){.run = run, .done = on_run};
        kn_exec_submit(checkers->exec, checkers->loop, NULL, &check->job);
    }
}

void kd_checkers_submit(struct kd_checkers *checkers, struct kd_check *check)
{
    check->checkers = checkers;
    if (checkers->halted) {
        check->done(check, false);
        return;
    }
    kb_list_push_back(&checkers->waiting, &check->link);
    start_waiting(checkers);
}

void kd_checkers_drain(struct kd_checkers *checkers, void (*drained)(struct kd_checkers *))
{
    bool now = is_empty(checkers);
    checkers->drained = now ? NULL : drained;
    if (now)
        drained(checkers);
}

void kd_checkers_halt(struct kd_checkers *checkers)
{
    struct kb_list *node;
    checkers->halted = true;
    checkers->drained = NULL;
    while ((node = kb_list_pop_front(&checkers->waiting))) {
        struct kd_check *check = KB_CONTAINER(node, struct kd_check, link);
        check->done(check, false);
    }
}
