/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_COORDINATOR_H
#define KD_COORDINATOR_H
/*
 * Runs the coordinator that one partition of an internal topic is: loads its machine
 * from the log, carries the records of its steps there, and holds every answer until
 * what it rests on is committed. What kind of coordinator it is, is a table of
 * functions; it lies in its kind's own struct, beside the machine.
 *
 *     LOADING --all was read--> ACTIVE --an append failed--> LOADING
 *
 *     step = kd_step_begin(coordinator);
 *     ... the machine does what it is asked, into step->outcome;
 *     kd_step_hold(step, &reply);       a request that this step answers
 *     kd_step_end(step);
 *
 * Everything on the state loop.
 */
#include "broker/core/txn_mark.h"
#include "broker/core/outcome.h"
#include "broker/drive/replica.h"
#include "broker/server/shard.h"

struct kd_coordinator;
struct kd_coordinator_topic;
struct kd_request;
struct kd_step;

/* ---- What a kind does --------------------------------------------------------- */

struct kd_coordinator_kind {
    const char *name;  /* in the log, and of what it coordinates: groups, transactions */
    const char *topic; /* the internal one */

    /* Its struct with the machine in it, which knows nothing; NULL: no memory. */
    struct kd_coordinator *(*make)(struct kd_coordinator_topic *topic);
    void (*free)(struct kd_coordinator *c);
    void (*forget)(struct kd_coordinator *c); /* everything: it is loaded anew */
    /* What the log says, in order: a record (the header of its batch tells whether it
     * belongs to a transaction, and whose), NO_MEMORY or what is wrong with it; and the
     * end of a transaction, which is told while it lives as well. */
    int (*replay)(struct kd_coordinator *c, const struct kd_record *record,
                  const struct kw_batch_header *header, struct kb_time now);
    int (*mark)(struct kd_coordinator *c, const struct kd_txn_mark *mark, struct kb_time now);
    size_t (*count)(const struct kd_coordinator *c); /* of what it knows */

    void (*loaded)(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out);
    int64_t (*deadline)(const struct kd_coordinator *c);
    void (*tick)(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out);
    int64_t (*expiry_ms)(const struct kd_coordinator *c); /* how often there is expiry */
    void (*expire)(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out);
    /* It is not to be used any more: what is parked is answered with `code`. */
    void (*drop)(struct kd_coordinator *c, int code, struct kd_outcome *out);
    /* A step is about to be written: the kind may hold replies of its own. NULL: none. */
    void (*stepped)(struct kd_coordinator *c, struct kd_step *step);
};

/* ---- Steps -------------------------------------------------------------------- */

/* A request of which the answer is known, or will be; lies in the handler's op.
 * answer is called once: with KB_OK, or with the code to be told instead. */
struct kd_reply {
    struct kb_list link;
    struct kd_request *request;
    struct kd_coordinator *coordinator; /* of one that was parked there */
    void (*answer)(struct kd_reply *reply, int code);
};

struct kd_step {
    struct kb_list link;
    struct kd_coordinator *coordinator;
    struct kd_outcome outcome;
    /* Whose transaction its records belong to; producer -1: nobody's. To be set before
     * the step ends; the machine has been told by other ways. */
    int64_t producer;
    int16_t epoch;
    const struct kd_txn_mark *mark; /* instead of records; kd_coordinator_mark's */
    int16_t mark_version;
    struct kb_list replies;
    struct kd_append append;
    bool appending;
};

struct kd_coordinator {
    const struct kd_coordinator_kind *kind;
    struct kd_shard *shard;
    struct kd_place *place;
    enum { KD_COORDINATOR_LOADING, KD_COORDINATOR_ACTIVE } state;
    struct kn_timer timer;  /* the machine's */
    struct kn_timer expiry; /* of what is old */
    struct kn_timer again;  /* a load that could not be */
    struct kb_list steps;   /* not committed yet, oldest first */
    struct kd_load *load;
};

/* Begins to load. The place is being served. NULL: no memory. */
struct kd_coordinator *kd_coordinator_new(struct kd_coordinator_topic *topic,
                                          struct kd_place *place);
void kd_coordinator_loaded(struct kd_coordinator *c); /* load.c, when all is replayed */
/* As a failed append does: what it knows and what is not committed yet is dropped, those
 * who wait are told NOT_COORDINATOR, and it is loaded again. False: it does not serve
 * yet, or there is no memory. */
bool kd_coordinator_discard(struct kd_coordinator *c);
/* Nothing is read or appended any more. NULL: nothing. */
void kd_coordinator_free(struct kd_coordinator *c);

/* NULL: no memory. */
struct kd_step *kd_step_begin(struct kd_coordinator *c);
void kd_step_hold(struct kd_step *step, struct kd_reply *reply);
void kd_step_end(struct kd_step *step);
/* Its client has gone: it will not be answered. */
void kd_reply_forget(struct kd_reply *reply);
/* The machine's deadline may have changed without a step. */
void kd_coordinator_rearm(struct kd_coordinator *c);

/* May a step of that producer's transaction be written? To be asked right before it, since
 * a step that the log refuses costs all that is known. That the transaction goes on is
 * known. KB_OK, INVALID_PRODUCER_EPOCH. */
int kd_coordinator_admits(const struct kd_coordinator *c, int64_t producer, int16_t epoch);
/* The end of a transaction in the coordinator's own partition, which is ACTIVE: the
 * machine hears it in its turn, the reply is answered as a step's is. Harmless to
 * repeat, if the machine takes it so. version: transaction.version of the producer. What
 * the partition does not take is answered at once: see kd_producers_check_end. */
void kd_coordinator_mark(struct kd_coordinator *c, const struct kd_txn_mark *mark, int16_t version,
                         struct kd_reply *reply);

#endif
