/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/call.h"
#include "base/check.h"
#include "libclient/drive/client.h"

static void run_mail(struct kn_loop *loop, struct kn_mail *mail)
{
    struct kc_call *call = KB_CONTAINER(mail, struct kc_call, mail);
    (void)loop;
    call->run(call);
}

void kc_call_init(struct kc_call *call, struct kurier_client *client,
                  void (*run)(struct kc_call *call), void (*release)(struct kc_call *call))
{
    *call = (struct kc_call){
        .mail = {.fn = run_mail}, .client = client, .run = run, .release = release};
    atomic_init(&call->refs, 1);
    atomic_init(&call->finished, false);
    kb_error_clear(&call->err);
}

struct kc_call *kc_call_ref(struct kc_call *call)
{
    atomic_fetch_add(&call->refs, 1);
    return call;
}

void kc_call_unref(struct kc_call *call)
{
    if (call && atomic_fetch_sub(&call->refs, 1) == 1)
        call->release(call);
}

void kc_call_submit(struct kc_call *call, int timeout_ms)
{
    struct kurier_client *client = call->client;
    call->deadline_ms = kb_deadline(kc_runtime_now(client->runtime), timeout_ms);
    kn_loop_post(client->runtime->loop, &kc_call_ref(call)->mail);
}

bool kc_call_finished(const struct kc_call *call)
{
    return atomic_load(&call->finished);
}

static bool is_finished(void *ctx)
{
    return kc_call_finished(ctx);
}

void kc_call_done(struct kc_call *call, const struct kb_error *err)
{
    struct kurier_client *client = call->client;
    KB_CHECK(!kc_call_finished(call));
    if (err)
        call->err = *err;
    pthread_mutex_lock(&client->lock);
    atomic_store(&call->finished, true);
    call->unheard = call->resumable && call->waiters == 0;
    bool first = call->unheard && client->unheard++ == 0;
    pthread_mutex_unlock(&client->lock);
    if (first)
        kc_client_resume_changed(client);
    kc_notify(&client->waits, KC_WAIT_CALL);
    kc_call_unref(call);
}

int kc_call_wait(struct kc_call *call, int timeout_ms, struct kb_error *err)
{
    struct kurier_client *client = call->client;
    int code =
        kc_wait(&client->waits, client->runtime, KC_WAIT_CALL, is_finished, call, timeout_ms, err);
    if (code)
        return code;
    if (err)
        *err = call->err;
    return call->err.code;
}

int kc_call_ask(struct kc_call *call, int timeout_ms, struct kb_error *err)
{
    kc_call_submit(call, timeout_ms);
    int code = kc_call_wait(call, timeout_ms, err);
    kc_call_unref(call);
    return code;
}

/* ---- Resumable ------------------------------------------------------------------*/

/* The one that goes on behind, or a new one; one reference more. NULL: no memory. */
static struct kc_call *slot_enter(struct kurier_client *client, struct kc_call **slot,
                                  struct kc_call *(*begin)(void *ctx), void *ctx, bool *fresh)
{
    pthread_mutex_lock(&client->lock);
    *fresh = *slot == NULL;
    if (*fresh)
        *slot = begin(ctx);
    struct kc_call *call = *slot;
    if (call) {
        kc_call_ref(call);
        call->resumable = true;
        call->waiters++;
    }
    pthread_mutex_unlock(&client->lock);
    return call;
}

/* Whoever sees the end first clears the slot. True: it has ended. */
static bool slot_leave(struct kurier_client *client, struct kc_call **slot, struct kc_call *call)
{
    bool told = false, last = false;
    pthread_mutex_lock(&client->lock);
    call->waiters--;
    bool finished = kc_call_finished(call);
    if (finished && *slot == call) {
        *slot = NULL;
        told = true;
        last = call->unheard && --client->unheard == 0;
    }
    pthread_mutex_unlock(&client->lock);
    if (last)
        kc_client_resume_changed(client);
    if (told)
        kc_call_unref(call);
    return finished;
}

void kc_call_forget(struct kurier_client *client, struct kc_call **slot)
{
    struct kc_call *call = NULL;
    bool last = false;
    pthread_mutex_lock(&client->lock);
    if (*slot && kc_call_finished(*slot) && (*slot)->waiters == 0) {
        call = *slot;
        *slot = NULL;
        last = call->unheard && --client->unheard == 0;
    }
    pthread_mutex_unlock(&client->lock);
    if (last)
        kc_client_resume_changed(client);
    kc_call_unref(call);
}

int kc_call_resume(struct kurier_client *client, struct kc_call **slot,
                   struct kc_call *(*begin)(void *ctx), void *ctx, int timeout_ms,
                   struct kb_error *err)
{
    bool fresh;
    struct kc_call *call = slot_enter(client, slot, begin, ctx, &fresh);
    if (!call)
        return kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
    if (fresh)
        kc_call_submit(call, KB_FOREVER);
    int code = kc_call_wait(call, timeout_ms, err);
    if (slot_leave(client, slot, call)) { /* perhaps just after the wait gave up */
        code = call->err.code;
        if (err)
            *err = call->err;
    }
    kc_call_unref(call);
    return code;
}
