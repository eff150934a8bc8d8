/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/auto_commit.h"
#include "base/mem.h"
#include "libclient/drive/commit.h"

struct kc_auto_commit {
    struct kurier_consumer *consumer;
    struct kn_timer timer;
    struct kc_commit commit;
    bool busy;
};

static void set_timer(struct kc_auto_commit *a)
{
    struct kn_loop *loop = kc_client_loop(a->consumer->client);
    kn_timer_set(loop, &a->timer,
                 kn_loop_now(loop).mono_ms + a->consumer->options->auto_commit_interval_ms);
}

static void end(struct kc_auto_commit *a)
{
    kb_free(a->commit.rows);
    a->commit.rows = NULL;
    a->busy = false;
}

/* That a partition moved on meanwhile is no news: its own commit went before. */
static void on_done(struct kc_commit *commit, const struct kb_error *err)
{
    struct kc_auto_commit *a = KB_CONTAINER(commit, struct kc_auto_commit, commit);
    if (err->code && err->code != KB_E_ASSIGNMENT_LOST)
        kc_event_committed(a->consumer->client, 0, err);
    end(a);
}

static void on_timer(struct kn_timer *timer)
{
    struct kc_auto_commit *a = KB_CONTAINER(timer, struct kc_auto_commit, timer);
    struct kurier_consumer *c = a->consumer;
    set_timer(a);
    if (a->busy || !c->assigned || c->attachment)
        return;
    a->commit = (struct kc_commit){.settle_by_ms = KB_NEVER, .on_done = on_done};
    if (!kc_commits_finished(c, NULL, false, &a->commit) || !a->commit.count) {
        end(a);
        return;
    }
    a->busy = true;
    a->commit.deadline_ms = kb_deadline(kn_loop_now(kc_client_loop(c->client)),
                                        c->client->options->common.request_timeout_ms);
    kc_commits_put(c->commits, &a->commit);
}

struct kc_auto_commit *kc_auto_commit_new(struct kurier_consumer *consumer)
{
    struct kc_auto_commit *a = KB_NEW(struct kc_auto_commit);
    if (!a)
        return NULL;
    a->consumer = consumer;
    kn_timer_init(&a->timer, on_timer);
    if (consumer->options->enable_auto_commit)
        set_timer(a);
    return a;
}

void kc_auto_commit_free(struct kc_auto_commit *a)
{
    if (!a)
        return;
    kn_timer_cancel(kc_client_loop(a->consumer->client), &a->timer);
    if (a->busy)
        kc_commits_cancel(a->consumer->commits, &a->commit);
    end(a);
    kb_free(a);
}
