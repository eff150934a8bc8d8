/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_CREDIT_H
#define KD_CREDIT_H
/*
 * Memory for requests in progress (queued.max.request.bytes). A frame takes
 * its share after its size was read and before its body is; without credit the
 * socket is not read. The share comes back with the last reference to the
 * frame, on whichever thread.
 *
 * Small frames always pass: a heartbeat must not wait behind produce. A frame
 * larger than the whole budget passes when nothing else is in progress.
 */
#include "base/buf.h"
#include "base/list.h"
#include "net/loop.h"

enum { KD_CREDIT_SMALL = 4096 };

struct kd_credit {
    struct kn_loop *loop;
    int64_t limit; /* -1: unbounded */
    atomic_int_fast64_t used;
    struct kb_list waiting; /* of kd_credit_wait */
    atomic_int wait_count;
    struct kn_mail returned;
    atomic_bool posted;
};

struct kd_credit_wait {
    struct kb_list link; /* made by kb_list_init */
    void (*resume)(struct kd_credit_wait *wait);
};

void kd_credit_init(struct kd_credit *credit, struct kn_loop *loop, int64_t limit_bytes);
/* A buffer for a frame. NULL: no memory, or with *wait set no credit. */
struct kb_buf *kd_credit_take(struct kd_credit *credit, size_t size, bool *wait);
/* resume() is called, once, when some credit has come back. */
void kd_credit_await(struct kd_credit *credit, struct kd_credit_wait *wait, size_t size);
void kd_credit_forget(struct kd_credit *credit,
                      struct kd_credit_wait *wait); /* does not wait: nothing */

#endif
