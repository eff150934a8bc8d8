/* SPDX-License-Identifier: Apache-2.0 */
/* Flushes: asked by a thread, gone through by the loop. */
#include "base/mem.h"
#include "libclient/drive/producer.h"

struct flush_call {
    struct kc_call call;
    struct kurier_producer *producer;
    struct kc_flush flush;
    struct kb_list link;
};

void kc_producer_end_flushes(struct kurier_producer *producer)
{
    KB_LIST_EACH_SAFE(it, &producer->flushes) {
        struct flush_call *f = KB_CONTAINER(it, struct flush_call, link);
        if (!f->flush.done)
            continue;
        struct kb_error err;
        kb_error_clear(&err);
        if (f->flush.failed)
            kb_error_set(&err, KB_E_UNDELIVERED, "%s", kb_code_text(KB_E_UNDELIVERED));
        kb_list_remove(&f->link);
        kc_flush_end(&f->flush);
        kc_call_done(&f->call, f->flush.failed ? &err : NULL);
    }
}

void kc_producer_drop_flushes(struct kurier_producer *producer)
{
    KB_LIST_EACH_SAFE(it, &producer->flushes) {
        struct flush_call *f = KB_CONTAINER(it, struct flush_call, link);
        struct kb_error err;
        kb_error_set(&err, KB_E_CLOSED, "the producer was freed");
        kb_list_remove(&f->link);
        kc_flush_end(&f->flush);
        kc_call_done(&f->call, &err);
    }
}

static void run_flush(struct kc_call *call)
{
    struct flush_call *f = KB_CONTAINER(call, struct flush_call, call);
    struct kurier_producer *producer = f->producer;
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    kc_sender_step(&producer->sender, now);
    if (kc_flush_begin(&producer->sender, now, &f->flush)) {
        kb_list_push_back(&producer->flushes, &f->link);
        kc_producer_look(producer);
        return;
    }
    struct kb_error err;
    kb_error_set(&err, KB_E_NO_MEMORY, "no memory to flush");
    kc_call_done(call, &err);
}

static void release_flush(struct kc_call *call)
{
    kb_free(KB_CONTAINER(call, struct flush_call, call));
}

struct kc_call *kc_producer_flush_call(struct kurier_producer *producer)
{
    struct flush_call *f = KB_NEW(struct flush_call);
    if (!f)
        return NULL;
    f->producer = producer;
    kb_list_init(&f->link);
    kc_call_init(&f->call, producer->client, run_flush, release_flush);
    return &f->call;
}
