/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_LINK_IMPL_H
#define KC_LINK_IMPL_H
/* What link.c and link_ask.c share; nobody else includes it. */
#include "libclient/drive/link.h"
#include "libclient/drive/runtime.h"

enum { KC_LINK_NAME_BYTES = 288 };

struct kc_link {
    struct kurier_runtime *runtime;
    struct kc_link_options options;
    const struct kc_link_handler *handler;
    void *owner;
    int32_t node, port;
    char *host;
    char name[KC_LINK_NAME_BYTES], note[KC_LINK_NOTE_BYTES];

    enum kc_link_state state;
    struct kn_rpc *rpc; /* DIALLING and UP */
    struct kc_backoff backoff;
    struct kb_error cause;
    int transactions; /* see kc_link_transactions; -1: not looked at yet */
    bool keep;
    int64_t rest_until_ms, throttled_until_ms;

    struct kb_list asks, sent; /* not sent yet; not answered yet */
    struct kn_timer timer;     /* RESTING: dial again; UP: idle, throttle; any: asks' deadlines */
    struct kn_task pump;       /* sends what stands in asks */
    unsigned busy;             /* depth of callbacks: freed when the last one returns */
    bool freed;
};

static inline struct kn_loop *kc_link_loop(const struct kc_link *link)
{
    return link->runtime->loop;
}

static inline int64_t kc_link_now_ms(const struct kc_link *link)
{
    return kn_loop_now(kc_link_loop(link)).mono_ms;
}

/* Around everything that calls back: the link outlives it. */
void kc_link_enter(struct kc_link *link);
void kc_link_leave(struct kc_link *link);
void kc_link_dial(struct kc_link *link);
void kc_link_set_timer(struct kc_link *link);
bool kc_link_is_open(const struct kc_link *link);
/* That the broker ended the connection is no state of our handle. */
struct kb_error kc_link_cause_of(const struct kb_error *why);

void kc_link_pump(struct kn_task *task);
int64_t kc_link_asks_deadline_ms(const struct kc_link *link);
void kc_link_fail_late_asks(struct kc_link *link);
/* Those not sent yet. */
void kc_link_fail_asks(struct kc_link *link, const struct kb_error *why);
void kc_link_forget_asks(struct kc_link *link);

#endif
