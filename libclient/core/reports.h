/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_REPORTS_H
#define KC_REPORTS_H
/*
 * Batches whose outcome is known, until the application has heard of it. A
 * success keeps its notes alone; a failure its records too. Both go on counting
 * against buffer.memory, except failures without a note: those wait in a ring
 * of KC_SILENT_BYTES that overwrites its oldest, so that a program that never
 * polls is not blocked by them.
 *
 * The loop puts in, one thread at a time takes out.
 */
#include "libclient/core/supply.h"

enum { KC_SILENT_BYTES = 1 << 20 };

struct kc_reports {
    struct kb_lock lock;
    struct kb_list waiting; /* batches, oldest first */
    size_t silent_bytes;    /* of failures without a note among them */
    bool keep_all;          /* the producer is closed: nobody can be blocked */
    struct kc_supply *supply;
    atomic_uint_fast64_t finished; /* records that nobody waits to hear of any more */
};

void kc_reports_init(struct kc_reports *reports, struct kc_supply *supply);
void kc_reports_deinit(struct kc_reports *reports);
/* The batch has its outcome; passes. True: there is something to take. */
bool kc_reports_put(struct kc_reports *reports, struct kc_send_batch *batch);
/* NULL: none. Ends by _drop. */
struct kc_send_batch *kc_reports_take(struct kc_reports *reports);
void kc_reports_drop(struct kc_reports *reports, struct kc_send_batch *batch);
/* `records` of a batch were told, or need not be. */
void kc_reports_finished(struct kc_reports *reports, uint64_t records);
bool kc_reports_any(struct kc_reports *reports);
/* From now on nothing is overwritten: the producer is closed. */
void kc_reports_keep_all(struct kc_reports *reports);
size_t kc_reports_undelivered(struct kc_reports *reports); /* failed records that wait */

#endif
