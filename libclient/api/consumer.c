/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/api/consumer.h"
#include "libclient/drive/explain.h"
#include "base/check.h"
#include "kurier/admin.h"
#include <stdlib.h>
#include <string.h>

kurier_consumer *kurier_consumer_new(kurier_runtime *runtime, const kurier_config *config,
                                     kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    kb_error_clear(e);
    return kc_consumer_new(runtime, config, e);
}

kurier_client *kurier_consumer_client(kurier_consumer *c)
{
    return c->client;
}

/* ---- One thread at a time ----------------------------------------------------*/

int kc_consumer_refuse(kurier_consumer *c, struct kb_error *err)
{
    if (kc_client_check(c->client, err))
        return KB_E_FORKED;
    if (atomic_load(&c->closed))
        return kb_error_set(err, KB_E_CLOSED, "the consumer is closed");
    return kb_error_set(err, KB_E_BUSY, "another thread is inside this consumer");
}

int kc_consumer_enter_outside(kurier_consumer *c, struct kb_error *err)
{
    int code = kc_consumer_enter(c, err);
    if (code || !kc_consumer_is_inside(c))
        return code;
    return kb_error_set(err, KB_E_STATE, "not inside a call of the rebalance listener");
}

/* ---- What the loop does for us -------------------------------------------------*/

static void run_errand(void *ctx)
{
    struct kc_errand *e = ctx;
    e->code = e->fn(e);
}

int kc_consumer_run(kurier_consumer *c, struct kc_errand *e)
{
    kc_runtime_run(c->client->runtime, run_errand, e);
    return e->code;
}

static int run(kurier_consumer *c, int (*fn)(struct kc_errand *), const kurier_position *positions,
               size_t n, kurier_error *err)
{
    struct kc_errand e = {
        .consumer = c, .positions = positions, .n = n, .fn = fn, .err = (struct kb_error *)err};
    int code = kc_consumer_enter(c, e.err);
    if (code)
        return code;
    kc_consumer_run(c, &e);
    kc_consumer_leave(c);
    return e.code;
}

static int assign(struct kc_errand *e)
{
    if (e->consumer->subscribed)
        return kb_error_set(e->err, KB_E_STATE,
                            "the group gives out what is subscribed: unsubscribe first");
    return kc_consumer_assign(e->consumer, e->positions, e->n, e->err);
}

static int seek(struct kc_errand *e)
{
    return kc_consumer_seek(e->consumer, e->positions, e->n, e->err);
}

static int pause_some(struct kc_errand *e)
{
    return kc_consumer_pause(e->consumer, e->positions, e->n, true, e->err);
}

static int resume_some(struct kc_errand *e)
{
    return kc_consumer_pause(e->consumer, e->positions, e->n, false, e->err);
}

kurier_code kurier_consumer_assign(kurier_consumer *c, const kurier_position *positions, size_t n,
                                   kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    int code = kc_consumer_enter_outside(c, e);
    if (code)
        return code;
    struct kc_errand errand = {
        .consumer = c, .positions = positions, .n = n, .fn = assign, .err = e};
    code = kc_consumer_run(c, &errand);
    kc_consumer_leave(c);
    return code;
}

kurier_code kurier_consumer_seek(kurier_consumer *c, const kurier_position *positions, size_t n,
                                 kurier_error *err)
{
    return run(c, seek, positions, n, err);
}

kurier_code kurier_consumer_pause(kurier_consumer *c, const kurier_position *positions, size_t n,
                                  kurier_error *err)
{
    return run(c, pause_some, positions, n, err);
}

kurier_code kurier_consumer_resume(kurier_consumer *c, const kurier_position *positions, size_t n,
                                   kurier_error *err)
{
    return run(c, resume_some, positions, n, err);
}

static int list(struct kc_errand *e)
{
    return (int)kc_consumer_assignment(e->consumer, e->out, e->n);
}

size_t kurier_consumer_assignment(kurier_consumer *c, kurier_position *out, size_t max)
{
    struct kc_errand e = {.consumer = c, .n = max, .fn = list, .out = out};
    if (kc_consumer_enter(c, NULL))
        return 0;
    kc_consumer_run(c, &e);
    kc_consumer_leave(c);
    return (size_t)e.code;
}

/* ---- Offsets by time -------------------------------------------------------------*/

static void fill(kurier_position *p, const kurier_offset_info *info)
{
    p->code = info->code;
    if (info->code)
        return;
    p->offset = info->offset;
    p->leader_epoch = info->leader_epoch;
}

kurier_code kurier_consumer_offsets_for_times(kurier_consumer *c, kurier_position *inout, size_t n,
                                              int timeout_ms, kurier_error *err)
{
    kurier_error here;
    int code = kc_consumer_enter(c, (struct kb_error *)err);
    if (code)
        return code;
    kurier_result *result =
        kurier_admin_run(c->client, kurier_admin_list_offsets(inout, n), timeout_ms, &here);
    kc_consumer_leave(c);
    if (result) {
        for (size_t i = 0; i < n; i++)
            fill(&inout[i], kurier_result_offset(result, i));
        kurier_result_error(result, &here);
        kurier_result_free(result);
    }
    if (err)
        *err = here;
    return here.code;
}

/* ---- Explaining ---------------------------------------------------------------------*/

static int explain(struct kc_errand *e)
{
    kc_consumer_explain(e->consumer, e->names[0], e->partition, e->explanation);
    return 0;
}

kurier_code kurier_consumer_explain(kurier_consumer *c, const char *topic, int32_t partition,
                                    kurier_explanation *out, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    struct kc_errand errand = {.consumer = c,
                               .names = &topic,
                               .partition = partition,
                               .explanation = out,
                               .fn = explain,
                               .err = e};
    kurier_position place = kurier_at(topic, partition, 0);
    kb_error_clear(e);
    int code = kc_client_check(c->client, e);
    if (code)
        return code;
    if (atomic_load(&c->closed))
        return kb_error_set(e, KB_E_CLOSED, "the consumer is closed");
    if (!kc_position_names(&place))
        return kb_error_set(e, KB_E_INVALID_ARGUMENT, "a topic and a partition >= 0 are needed");
    return kc_consumer_run(c, &errand);
}
