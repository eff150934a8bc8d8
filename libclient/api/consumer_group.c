/* SPDX-License-Identifier: Apache-2.0 */
/* Membership as the application says it: joining, leaving, staying alive, the end. */
#include "libclient/api/consumer.h"
#include "libclient/drive/attachment.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/api/config.h"
#include <string.h>

void kurier_config_set_rebalance_listener(kurier_config *config,
                                          const kurier_rebalance_listener *listener)
{
    config->has_listener = listener != NULL;
    config->listener = listener ? *listener : (kurier_rebalance_listener){NULL};
}

static int refuse_assignor(kurier_config *config, const char *words)
{
    if (!config->mistake.code)
        kb_error_set(&config->mistake, KB_E_BAD_CONFIG, "kurier_config_add_assignor: %s", words);
    return KB_E_BAD_CONFIG;
}

kurier_code kurier_config_add_assignor(kurier_config *config, const char *name, bool cooperative,
                                       kurier_assign_fn *fn, void *ctx)
{
    struct kc_own_assignors *own = &config->assignors;
    if (!fn || !name || !*name || strlen(name) >= KC_ASSIGNOR_NAME_MAX)
        return refuse_assignor(config, "no function, no name, or a name above 63 bytes");
    if (kc_assignor_find(kb_slice_str(name)))
        return refuse_assignor(config, "there is one of this name: choose another");
    if (own->count == KC_OWN_ASSIGNORS_MAX)
        return refuse_assignor(config, "more than 4");
    struct kc_own_assignor *assignor = &own->list[own->count++];
    *assignor =
        (struct kc_own_assignor){.base = {.cooperative = cooperative}, .fn = fn, .ctx = ctx};
    memcpy(assignor->name, name, strlen(name) + 1);
    return KURIER_OK;
}

/* ---- Subscribing ---------------------------------------------------------------*/

static int check_names(const char *const *topics, size_t n, struct kb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!topics[i] || !topics[i][0] || strlen(topics[i]) > 249)
            return kb_error_set(err, KB_E_INVALID_ARGUMENT,
                                "topic %zu has no name, or one above 249 bytes", i);
    if (!n)
        return kb_error_set(err, KB_E_INVALID_ARGUMENT, "no topic: unsubscribe leaves the group");
    return 0;
}

static int may_subscribe(struct kc_errand *e)
{
    struct kurier_consumer *c = e->consumer;
    if (!c->membership)
        return kb_error_set(e->err, KB_E_STATE, "group.id is not set: set it, or assign");
    if (c->assigned && !c->subscribed)
        return kb_error_set(e->err, KB_E_STATE, "partitions are assigned: assign none first");
    if (kc_rebalance_is_ending(c->rebalance))
        return kb_error_set(e->err, KB_E_STATE, "unsubscribe has not come to its end");
    return 0;
}

static void subscribed_by(struct kurier_consumer *c, struct kc_pattern *pattern)
{
    kc_pattern_free(c->pattern);
    c->pattern = pattern;
    c->subscribed = true;
}

static int subscribe(struct kc_errand *e)
{
    struct kurier_consumer *c = e->consumer;
    int code = may_subscribe(e);
    kc_lease_touch(&c->feed->lease);
    if (!code)
        code = kc_membership_subscribe(c->membership, e->names, e->n, NULL, e->err);
    if (!code)
        subscribed_by(c, NULL);
    return code;
}

kurier_code kurier_consumer_subscribe(kurier_consumer *c, const char *const *topics, size_t n,
                                      kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    struct kc_errand errand = {.consumer = c, .names = topics, .n = n, .fn = subscribe, .err = e};
    int code = kc_consumer_enter_outside(c, e);
    if (code)
        return code;
    code = check_names(topics, n, e);
    if (!code)
        code = kc_consumer_run(c, &errand);
    kc_consumer_leave(c);
    return code;
}

static bool on_names(struct kurier_consumer *c, const char *pattern, const struct kc_names *names)
{
    return !kc_membership_subscribe(c->membership, (const char *const *)names->names, names->count,
                                    pattern, NULL);
}

/* The group is joined once it is known which topics there are. */
static int subscribe_regex(struct kc_errand *e)
{
    struct kurier_consumer *c = e->consumer;
    int code = may_subscribe(e);
    kc_lease_touch(&c->feed->lease);
    if (code)
        return code;
    struct kc_pattern *pattern = kc_pattern_new(c->client, e->pattern, e->regex, on_names, c);
    if (!pattern)
        return kb_error_set(e->err, KB_E_NO_MEMORY, "no memory for the subscription");
    e->regex = NULL;
    subscribed_by(c, pattern);
    return 0;
}

kurier_code kurier_consumer_subscribe_regex(kurier_consumer *c, const char *pattern,
                                            kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    struct kc_errand errand = {.consumer = c, .pattern = pattern, .fn = subscribe_regex, .err = e};
    int code = kc_consumer_enter_outside(c, e);
    if (code)
        return code;
    if (pattern && *pattern)
        code = kc_pattern_compile(pattern, &errand.regex, e);
    else
        code = kb_error_set(e, KB_E_INVALID_ARGUMENT, "no pattern: unsubscribe leaves the group");
    if (!code)
        code = kc_consumer_run(c, &errand);
    kb_regex_free(errand.regex);
    kc_consumer_leave(c);
    return code;
}

/* ---- Leaving -------------------------------------------------------------------*/

struct ending {
    struct kc_call call;
    struct kurier_consumer *consumer;
    bool close;
};

static void run_ending(struct kc_call *call)
{
    struct ending *ending = KB_CONTAINER(call, struct ending, call);
    struct kurier_consumer *c = ending->consumer;
    if (c->rebalance && c->membership && (c->subscribed || ending->close))
        kc_rebalance_end(c->rebalance, call, ending->close);
    else {
        kc_consumer_assign(c, NULL, 0, NULL);
        kc_call_done(call, NULL);
    }
}

static void release_ending(struct kc_call *call)
{
    kb_free(KB_CONTAINER(call, struct ending, call));
}

static struct kc_call *ending_new(struct kurier_consumer *c, bool close)
{
    struct ending *ending = KB_NEW(struct ending);
    if (!ending)
        return NULL;
    ending->consumer = c;
    ending->close = close;
    kc_call_init(&ending->call, c->client, run_ending, release_ending);
    return &ending->call;
}

static struct kc_call *begin_unsubscribing(void *ctx)
{
    return ending_new(ctx, false);
}

static bool is_due(void *ctx)
{
    struct kurier_consumer *c = ctx;
    bool due = c->rebalance && kc_listener_is_due(kc_rebalance_listener(c->rebalance));
    return due || kc_call_finished(c->unsubscribing);
}

/* The listener is called between waits, so a wait ends for it, too. */
static int unsubscribe(struct kurier_consumer *c, int timeout_ms, struct kb_error *err)
{
    struct kurier_client *client = c->client;
    int64_t deadline = kb_deadline(kc_runtime_now(client->runtime), timeout_ms);
    for (;;) {
        int code = kc_call_resume(client, &c->unsubscribing, begin_unsubscribing, c, 0, err);
        if (code != KB_E_TIMED_OUT || !c->unsubscribing) /* that may be how it ended */
            return code;
        if (c->rebalance)
            kc_listener_attend(kc_rebalance_listener(c->rebalance), NULL);
        int64_t left = kb_time_left(kc_runtime_now(client->runtime), deadline);
        code = kc_wait(&client->waits, client->runtime, KC_WAIT_CALL | KURIER_REBALANCE, is_due, c,
                       (int)KB_MIN(left, INT32_MAX), err);
        if (code)
            return code;
    }
}

kurier_code kurier_consumer_unsubscribe(kurier_consumer *c, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    int code = kc_consumer_enter_outside(c, e);
    if (code)
        return code;
    code = unsubscribe(c, timeout_ms, e);
    kc_consumer_leave(c);
    return code;
}

/* ---- Staying alive ---------------------------------------------------------------*/

kurier_code kurier_consumer_extend(kurier_consumer *c, int ms, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    kb_error_clear(e);
    int code = kc_client_check(c->client, e);
    if (code)
        return code;
    if (ms < 0)
        return kb_error_set(e, KB_E_INVALID_ARGUMENT, "a time below 0");
    kc_lease_extend(&c->feed->lease, kc_runtime_now(c->client->runtime).mono_ms + ms);
    return KURIER_OK;
}

void kurier_consumer_revoke_done(kurier_consumer *c)
{
    if (c->rebalance && !kc_client_check(c->client, NULL))
        kc_listener_revoke_done(kc_rebalance_listener(c->rebalance));
}

/* ---- The end ----------------------------------------------------------------------*/

static void stop(void *ctx)
{
    kc_consumer_stop(ctx);
}

/* Not interruptible: the time that it takes is the caller's word. */
static int wait_for(struct kc_call *call, int timeout_ms, struct kb_error *err)
{
    struct kurier_client *client = call->client;
    int64_t deadline = kb_deadline(kc_runtime_now(client->runtime), timeout_ms);
    int code, left = timeout_ms;
    while ((code = kc_call_wait(call, left, err)) == KB_E_INTERRUPTED) {
        int64_t ms = kb_time_left(kc_runtime_now(client->runtime), deadline);
        left = (int)KB_MIN(ms, INT32_MAX);
    }
    return code;
}

static int end_group(struct kurier_consumer *c, int timeout_ms, struct kb_error *err)
{
    struct kc_call *call = ending_new(c, true);
    if (!call)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory to leave the group in good order");
    kc_call_submit(call, timeout_ms);
    int code = wait_for(call, timeout_ms, err);
    if (code == KB_E_TIMED_OUT)
        kb_error_set(err, code,
                     "closed, but the coordinator did not answer within %d ms: the group waits for "
                     "session.timeout.ms",
                     timeout_ms);
    kc_call_unref(call);
    return code;
}

kurier_code kurier_consumer_close(kurier_consumer *c, int timeout_ms, kurier_error *err)
{
    struct kb_error *e = (struct kb_error *)err;
    int code = 0;
    kb_error_clear(e);
    if (kc_client_check(c->client, e))
        return KURIER_E_FORKED;
    if (kc_consumer_is_inside(c))
        return kb_error_set(e, KB_E_STATE, "not inside a call of the rebalance listener");
    if (atomic_exchange(&c->closed, true))
        return KURIER_OK;
    kc_wake(&c->client->waits);
    if (c->rebalance)
        code = end_group(c, timeout_ms, e);
    kc_runtime_run(c->client->runtime, stop, c);
    return code;
}

void kurier_consumer_free(kurier_consumer *c)
{
    if (!c)
        return;
    kurier_consumer_close(c, 0, NULL);
    if (c->attachment)
        c->attachment->consumer = NULL;
    kc_consumer_free(c);
}
