/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_FETCH_H
#define KD_FETCH_H
/*
 * Fetch: one request looks at all partitions of its session, one after the
 * other, until its bytes are used up. If that is less than it asked for it
 * leaves a mark on each of them and looks again when the first moves, or when
 * its time is over.
 *
 *     look ──> enough, an error, or too late ──> answer
 *      ^  └──> too little ──> wait ─┐
 *      └──────────── woken ─────────┘
 */
#include "wire/gen/fetch.h"
#include "broker/core/waiters.h"
#include "broker/drive/replica.h"
#include "broker/server/request.h"

/* What one look found of one partition. */
struct kd_slot {
    struct kd_session_part *part;
    struct kd_place *place; /* NULL: code says why; only while it is looked at */
    int16_t code;
    int64_t high_watermark, stable_end, log_start; /* -1: not known */
    int64_t bound;                                 /* up to which it was read */
    struct kw_fetch_response_diverging_epoch diverging;
    struct kw_fetch_response_current_leader leader; /* told with some errors */
    struct kd_extent extent;
    struct kd_aborted_list aborted; /* of the extent; only where it is asked for */
};

struct kd_fetch {
    struct kd_request *request;
    struct kw_fetch_request in;
    struct kd_session *session;
    bool incremental, read_committed;
    struct kd_slot *slots;
    size_t count, at;              /* at: the slot that is being looked at */
    size_t found_bytes, max_bytes; /* records, and what is told of aborted transactions */
    size_t found_aborted;          /* transactions to be told of */
    bool failed;                   /* some partition has an error: answer now */
    bool late;                     /* its time is over */
    bool cancelled;                /* nobody waits any more */
    bool reading;                  /* a disk thread has it */
    struct kd_read read;
    struct kd_waiter waiter;
    struct kn_task again;
};

/* The look is over: sends it, and leaves the session. */
void kd_fetch_answer(struct kd_fetch *f);
/* An error of the request as a whole. */
void kd_fetch_refuse(struct kd_request *request, int16_t code);
/* Gives back what the slots hold. */
void kd_fetch_release(struct kd_fetch *f);

#endif
