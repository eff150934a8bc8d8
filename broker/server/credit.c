/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/credit.h"
#include "base/mem.h"

static void on_returned(struct kn_loop *loop, struct kn_mail *mail)
{
    struct kd_credit *credit = KB_CONTAINER(mail, struct kd_credit, returned);
    struct kb_list *link;
    (void)loop;
    atomic_store(&credit->posted, false);
    /* Those that wait now; who still gets none waits behind them. */
    for (int left = atomic_load(&credit->wait_count); left > 0; left--) {
        if (!(link = kb_list_pop_front(&credit->waiting)))
            break;
        atomic_fetch_sub(&credit->wait_count, 1);
        struct kd_credit_wait *wait = KB_CONTAINER(link, struct kd_credit_wait, link);
        wait->resume(wait);
    }
}

void kd_credit_init(struct kd_credit *credit, struct kn_loop *loop, int64_t limit_bytes)
{
    credit->loop = loop;
    credit->limit = limit_bytes;
    atomic_init(&credit->used, 0);
    atomic_init(&credit->posted, false);
    atomic_init(&credit->wait_count, 0);
    kb_list_init(&credit->waiting);
    credit->returned.fn = on_returned;
}

static void tell(struct kd_credit *credit)
{
    if (!atomic_exchange(&credit->posted, true))
        kn_loop_post(credit->loop, &credit->returned);
}

static void frame_release(struct kb_buf *buf)
{
    struct kd_credit *credit = buf->owner;
    atomic_fetch_sub(&credit->used, (int64_t)buf->capacity);
    kb_free(buf);
    if (atomic_load(&credit->wait_count))
        tell(credit);
}

static bool has_credit(struct kd_credit *credit, size_t size)
{
    int64_t used = atomic_load(&credit->used);
    return credit->limit < 0 || size <= KD_CREDIT_SMALL || used == 0 ||
           used + (int64_t)size <= credit->limit;
}

struct kb_buf *kd_credit_take(struct kd_credit *credit, size_t size, bool *wait)
{
    *wait = !has_credit(credit, size);
    struct kb_buf *buf = *wait ? NULL : kb_malloc(sizeof *buf + size);
    if (!buf)
        return NULL;
    atomic_init(&buf->refs, 1);
    buf->data = (uint8_t *)(buf + 1);
    buf->size = 0;
    buf->capacity = size;
    buf->release = frame_release;
    buf->owner = credit;
    atomic_fetch_add(&credit->used, (int64_t)size);
    return buf;
}

void kd_credit_await(struct kd_credit *credit, struct kd_credit_wait *wait, size_t size)
{
    kb_list_push_back(&credit->waiting, &wait->link);
    atomic_fetch_add(&credit->wait_count, 1);
    /* Given back by another thread between the refusal and now? */
    if (has_credit(credit, size))
        tell(credit);
}

void kd_credit_forget(struct kd_credit *credit, struct kd_credit_wait *wait)
{
    if (kb_list_empty(&wait->link))
        return;
    kb_list_remove(&wait->link);
    atomic_fetch_sub(&credit->wait_count, 1);
}
