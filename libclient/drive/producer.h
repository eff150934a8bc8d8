/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_PRODUCER_H
#define KC_PRODUCER_H
/*
 * A producer as the loop drives it: the sender machine (core/sender.h) between
 * the client's links and the application's calls.
 *
 *   application's threads             │ the loop
 *   ──────────────────────────────────┼──────────────────────────────────────
 *   send: slots ────── the bell ──────┼─> look: step, ask, collect ──> Produce
 *   memory: claims  <── KC_WAIT_ROOM ─┼── answers, finished batches
 *   poll: reports <── KURIER_REPORTS ─┼──'
 *   flush, purge, close: kc_call ─────┼─> flushes of the machine
 *
 * Topic handles are interned: one per name, until the producer is freed.
 */
#include "base/arena.h"
#include "base/map.h"
#include "kurier/producer.h"
#include "libclient/api/config.h"
#include "libclient/core/sender.h"
#include "libclient/drive/call.h"
#include "libclient/drive/client.h"
#include "libclient/drive/txn.h"
#include <pthread.h>

/* Memory was granted, or a topic's partitions became known; a send_wait's record
 * has its outcome. */
enum { KC_WAIT_ROOM = KC_WAIT_OWNER, KC_WAIT_SYNC = KC_WAIT_OWNER << 1 };

/* Why no record is taken. */
enum { KC_SHUT_CLOSED = 1, KC_SHUT_NO_TXN = 2 };

struct kurier_topic {
    struct kc_send_topic send;
    struct kurier_producer *producer;
    struct kb_map_entry by_name;
    struct kn_mail mail;   /* brings it to the loop */
    struct kc_topic *meta; /* the loop's; NULL: not there yet */
    char name[];
};

/*
 * A record that its sender waits for: its report goes there and not to poll. In
 * its batch it bears a token for an opaque; a sender that left early finds the
 * report among the others, under its own opaque.
 */
struct kc_sync {
    struct kb_list link;
    uint64_t token, opaque;
    atomic_bool done;
    bool left; /* nobody waits any more */
    struct kc_outcome outcome;
    int32_t partition, attempts;
};

struct kc_syncs {
    struct kb_lock lock;
    struct kb_list waiting;
    struct kb_random random;
    atomic_size_t count;
    uint64_t told; /* stands for the opaque of what was told already */
};

void kc_syncs_init(struct kc_syncs *syncs, uint64_t seed);
void kc_syncs_deinit(struct kc_syncs *syncs);
struct kc_sync *kc_sync_new(struct kc_syncs *syncs, uint64_t opaque); /* NULL: no memory */
/* The sender goes, with the outcome or without. Frees it once it is done. True:
 * *out has it. */
bool kc_sync_end(struct kc_syncs *syncs, struct kc_sync *sync, bool sent, struct kc_sync *out);
/* Answers how many records of this batch somebody waited for; they have their
 * outcome now. */
int32_t kc_syncs_finished(struct kc_syncs *syncs, struct kc_send_batch *batch);

/* What poll is going through: it alone touches this. */
struct kc_report_walk {
    struct kc_send_batch *batch;  /* NULL: none */
    struct kc_send_reader reader; /* of a failed one */
    struct kc_notes_iter notes;   /* of a delivered one */
    int32_t at;
    int32_t told;           /* records passed over since it was last counted */
    bool readable;          /* records can be shown */
    kurier_record *records; /* of the reports handed out last */
    size_t record_room;
};

struct kurier_producer {
    struct kurier_client *client;
    struct kc_client_ops ops;
    struct kc_sender sender;
    struct kb_random random;
    bool idempotence_off; /* told once there is somebody to tell */
    kurier_partition_fn *partitioner;
    void *partitioner_ctx;
    int32_t max_block_ms;
    size_t max_record_bytes;

    pthread_mutex_t lock; /* of the map, and of poll */
    struct kb_map topics;
    atomic_uint shut;       /* of KC_SHUT_CLOSED ... */
    atomic_bool seal_all;   /* somebody waits for memory */
    atomic_bool wants_room; /* try_send was refused */
    struct kc_call *flush, *close;
    struct kc_report_walk walk;
    struct kc_syncs syncs;
    struct kc_txns *txns;             /* NULL: not transactional */
    struct kc_attachment *attachment; /* NULL: no consumer is attached */

    /* the loop's */
    struct kn_mail kicked;
    struct kn_timer timer;
    struct kn_task look;
    struct kb_arena arena;
    struct kb_list requests;
    struct kb_list flushes; /* kc_flush_call */
    struct kc_ask ask_id;
    int64_t id_again_ms;  /* 0: at once */
    bool short_of_memory; /* a request could not be made: looked at again a little later */
    struct kb_error id_cause;
    bool asking;
};

struct kurier_producer *kc_producer_new(struct kurier_runtime *runtime, const kurier_config *config,
                                        struct kb_error *err);
void kc_producer_free(struct kurier_producer *producer);
struct kurier_topic *kc_producer_topic(struct kurier_producer *producer, const char *name,
                                       struct kb_error *err);
/* Any thread: look soon. */
void kc_producer_kick(struct kurier_producer *producer);

/* From the configuration to the machine's terms; err where it contradicts itself. */
int kc_producer_options(const struct kc_options *options, struct kc_send_options *out,
                        bool *idempotence_off, struct kb_error *err);

static inline bool kc_producer_is_closed(const struct kurier_producer *producer)
{
    return atomic_load_explicit(&producer->shut, memory_order_relaxed) & KC_SHUT_CLOSED;
}

/* Any thread: the record into its batch. wait: for memory and metadata. */
int kc_topic_send(struct kurier_topic *topic, const kurier_record *record, bool wait,
                  int timeout_ms, struct kb_error *err);

/* On the loop. */
void kc_producer_look(struct kurier_producer *producer);
void kc_producer_ask_id(struct kurier_producer *producer);
/* Sends what can be sent to a broker. */
void kc_producer_send(struct kurier_producer *producer, struct kc_send_broker *broker);
void kc_producer_drop_requests(struct kurier_producer *producer);

/* A flush that goes on until everything before it is done. NULL: no memory. */
struct kc_call *kc_producer_flush_call(struct kurier_producer *producer);
void kc_producer_end_flushes(struct kurier_producer *producer);  /* those that are done */
void kc_producer_drop_flushes(struct kurier_producer *producer); /* all: it is being freed */

#endif
