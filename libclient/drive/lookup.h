/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_LOOKUP_H
#define KC_LOOKUP_H
/*
 * What a group has committed of some partitions: OffsetFetch, over the control
 * link of its coordinator, tried again while what is in the way heals. On the
 * loop.
 */
#include "base/arena.h"
#include "libclient/core/backoff.h"
#include "libclient/drive/link.h"
#include "wire/gen/offset_fetch.h"

struct kurier_consumer;

struct kc_lookup_row {
    const char *topic; /* borrowed as long as the lookup */
    int32_t partition;
    uint64_t version; /* the caller's own */
    int64_t offset;   /* -1: nothing is committed */
    int32_t leader_epoch;
    struct kb_slice metadata; /* until kc_lookup_deinit */
    bool settled;
    int32_t code; /* once it is; 0: the above is what the coordinator said */
};

struct kc_lookup {
    struct kurier_consumer *consumer;
    struct kc_lookup_row *rows; /* the caller's; put in order of their places */
    size_t count;
    int64_t deadline_ms;
    /* Once, not from inside begin; deinit is due then, and it may be freed. err: why
     * rows are not settled; code 0: all of them are. */
    void (*on_done)(struct kc_lookup *lookup, const struct kb_error *err);

    /* its own */
    struct kb_list all; /* of the consumer's */
    struct kc_ask ask;
    bool asking, by_name, refused;
    struct kb_arena request_arena, arena;
    struct kw_offset_fetch_request request;
    struct kc_backoff backoff;
    int64_t not_before_ms;
    struct kn_timer timer;
    struct kb_error trouble; /* that made it wait last */
};

/* The fields above `its own` are set. */
void kc_lookup_begin(struct kc_lookup *lookup);
/* Asks no more; nothing is told. */
void kc_lookup_deinit(struct kc_lookup *lookup);
void kc_lookup_look(struct kc_lookup *lookup);
/* The coordinator is known: all of the consumer's go on. */
void kc_lookups_look(struct kurier_consumer *consumer);
/* Those that are still there are answered with _CLOSED. */
void kc_lookups_end(struct kurier_consumer *consumer);

#endif
