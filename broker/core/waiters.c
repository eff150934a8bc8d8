/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/waiters.h"

void kd_waiter_init(struct kd_waiter *waiter, void (*wake)(struct kd_waiter *),
                    struct kd_mark *marks)
{
    *waiter = (struct kd_waiter){.wake = wake, .marks = marks};
}

void kd_waiter_arm(struct kd_waiter *waiter, struct kb_list *partition)
{
    struct kd_mark *mark = &waiter->marks[waiter->count++];
    mark->waiter = waiter;
    kb_list_push_back(partition, &mark->link);
}

void kd_waiter_disarm(struct kd_waiter *waiter)
{
    for (size_t i = 0; i < waiter->count; i++)
        kb_list_remove(&waiter->marks[i].link);
    waiter->count = 0;
}

void kd_waiters_wake(struct kb_list *partition)
{
    while (!kb_list_empty(partition)) {
        struct kd_waiter *waiter = KB_LIST_FIRST(partition, struct kd_mark, link)->waiter;
        kd_waiter_disarm(waiter);
        waiter->wake(waiter);
    }
}
