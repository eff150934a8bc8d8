/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_SENDER_H
#define KC_SENDER_H
/*
 * The producer's loop side, as a pure machine: from sealed batches to requests,
 * from answers to reports.
 *
 *   slots ── step ──> partitions that can send ── collect ──> one request
 *                        ^      (a ring per broker)              │
 *                        └── again, in order <── answer, lost <──┘
 *                                                   └──> reports
 *
 * A partition's batches stand in one list, oldest first: those on their way,
 * those to be sent again, those not sent yet. Order holds because
 *   - a batch that failed is sent again only as the oldest, with nothing of the
 *     partition on its way;
 *   - with idempotence, up to five are on their way, and the broker refuses
 *     what comes before its turn; but only one until it knows the producer, since
 *     from one it does not know it takes any sequence;
 *   - without, one, unless the user set max.in.flight.requests.per.connection.
 * Sequences are stamped at the first sending and stay while any outcome is
 * unknown. Where one is lost for good (a batch given up, a broker that forgot)
 * the partition drains, then goes on under the next epoch with sequence 0.
 *
 * In a transaction (txn/txn.h) a partition sends once it is part of it, and a lost
 * sequence is the transaction's end: the next one comes with an epoch of its own.
 *
 * The driver calls _step when the bell rang or the deadline came, then looks:
 * wants_id, topics to refresh, brokers with something to collect. Everything
 * here belongs to the loop; only slots, supply and reports know other threads.
 */
#include "base/heap.h"
#include "base/random.h"
#include "base/time.h"
#include "base/uuid.h"
#include "libclient/core/backoff.h"
#include "libclient/core/packer.h"
#include "libclient/core/partitioner.h"
#include "libclient/core/reports.h"
#include "libclient/core/slot.h"
#include "libclient/core/txn/part.h"

enum { KC_NOT_PERSISTED, KC_POSSIBLY_PERSISTED, KC_WAS_PERSISTED };

struct kc_send_options {
    bool idempotent, transactional; /* the latter includes the former */
    int16_t acks;                   /* -1, 0, 1 */
    int32_t in_flight;              /* batches of a partition on their way at once */
    int32_t retries;
    int64_t linger_ms, delivery_ms, unplaced_ms;
    int64_t available_ms; /* a partition stuck for longer is passed over; 0: never */
    int32_t backoff_ms, backoff_max_ms;
    size_t request_bytes, batch_bytes;
    int64_t memory_bytes;
    enum kw_codec codec;
    int level; /* -1: the codec's own */
    enum kc_partitioner partitioner;
    bool ignore_keys, adaptive;
};

/* One batch in one request. */
struct kc_flight {
    struct kc_send_batch *batch; /* NULL: given up meanwhile */
    struct kc_send_partition *partition;
};

struct kc_send_broker {
    struct kb_list link;
    int32_t node;
    struct kb_list ring; /* partitions that can send, next first */
};

struct kc_send_partition {
    struct kc_send_slot slot;
    struct kc_sender *sender;
    struct kc_send_topic *topic;
    int32_t index;                 /* -1: the topic's unplaced records */
    struct kc_send_broker *broker; /* NULL: no leader */
    struct kb_list ring;
    struct kb_list batches; /* taken from the slot, oldest first */
    int32_t in_flight;
    bool gone;               /* the topic has no such partition any more */
    atomic_bool open_to_all; /* for the sticky choice: it is led, and takes what it is sent */
    atomic_uint_fast64_t done_bytes;

    struct kb_list linger; /* in the sender's list while a batch is open */
    uint64_t linger_number;
    int64_t linger_due_ms;
    uint64_t due_number;   /* batches up to this one are not to wait for more */
    uint64_t taken_number; /* the last one taken from the slot */
    uint64_t done_number;  /* all up to it have their outcome */

    struct kc_backoff backoff;
    int64_t retry_at_ms; /* 0: at once */
    struct kb_heap_node timer;

    int64_t producer_id; /* -1: none yet */
    int16_t epoch;
    int32_t next_sequence;
    bool bump;  /* drain, then the next epoch */
    bool known; /* the broker has acknowledged something of this producer */
    struct kc_txn_part part;
};

/* What senders see; immutable but for what it points to. */
struct kc_table {
    struct kc_table *older;
    int32_t count;
    struct kc_send_partition *partitions[];
};

struct kc_send_topic {
    struct kb_list link;
    struct kc_sender *sender;
    const char *name;
    struct kb_uuid id; /* zero: not known */
    uint32_t generation;
    _Atomic(struct kc_table *) table; /* NULL: not known yet */
    struct kc_table *pending;         /* to be published once nothing is unplaced */
    struct kc_sticky sticky;
    atomic_uint_fast64_t chance; /* seeds a choice, any thread */
    struct kc_send_partition unplaced;
    int32_t error; /* why its partitions are not known; 0: not answered, or they are */
    bool refresh;  /* the driver is to ask for it anew */
    int32_t count; /* partitions ever made */
    struct kc_send_partition **partitions;
    void *owner;
};

enum kc_id_state { KC_ID_NONE, KC_ID_ASKED, KC_ID_HELD };

struct kc_sender {
    struct kc_send_options options;
    struct kb_random *random;
    struct kc_slot_rules rules; /* with the bell */
    struct kc_supply supply;
    struct kc_packer packer;
    struct kc_reports reports;
    struct kb_list topics, brokers;
    struct kb_list joining;   /* partitions that would send, but are in no transaction, by part */
    int32_t flying;           /* batches on their way, those given up included */
    struct kb_list lingering; /* partitions by linger_due_ms */
    struct kb_heap timers;
    bool blind;          /* no memory for a timer or a record: look at all again */
    int64_t blind_at_ms; /* when */
    struct kb_list flushes;
    enum kc_id_state id_state;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t packed;   /* batches compressed in this turn */
    bool more;        /* something was put off to the next */
    bool closing;     /* nothing lingers any more */
    int32_t dropping; /* not 0: whatever comes fails with this */
    bool reported;    /* since the driver looked */
    /* A batch has its outcome, and has not yet gone to the reports. True: whom it
     * concerns has heard of it, and it was counted (kc_reports_finished). NULL: none. */
    bool (*finished)(struct kc_sender *sender, struct kc_send_batch *batch);
    atomic_uint_fast64_t placed; /* records that went through an unplaced slot, and on */
    void *owner;
};

/* False: no memory. */
bool kc_sender_init(struct kc_sender *sender, const struct kc_send_options *options,
                    struct kb_random *random, void (*kick)(struct kc_bell *bell), void *owner);
/* Topics first. Nobody appends any more. */
void kc_sender_deinit(struct kc_sender *sender);

/* ---- Topics ------------------------------------------------------------------ */

/* Any thread; senders may use it from then on. The name is borrowed. */
void kc_send_topic_init(struct kc_send_topic *topic, struct kc_sender *sender, const char *name);
void kc_sender_add(struct kc_sender *sender, struct kc_send_topic *topic);
void kc_send_topic_deinit(struct kc_send_topic *topic);

/* Any thread: the partition for a record without one, with such a table. sticky:
 * the choice may be another once a batch is full, see kc_topic_stick_on. */
int32_t kc_topic_choose(struct kc_send_topic *topic, const struct kc_table *table,
                        struct kb_slice key, bool *sticky);
int32_t kc_topic_sticky(struct kc_send_topic *topic, const struct kc_table *table);
/* The sticky partition wants a new batch: the same one on, or another now. */
int32_t kc_topic_stick_on(struct kc_send_topic *topic, const struct kc_table *table,
                          int32_t partition, bool filled);
uint32_t kc_partition_queued_bytes(const struct kc_send_partition *p); /* any thread */

/* What metadata says: `leaders` [count], -1: none now. Another generation: the
 * topic was made anew. False: no memory; say it again. */
bool kc_sender_topic_known(struct kc_sender *sender, struct kb_time now,
                           struct kc_send_topic *topic, struct kb_uuid id, uint32_t generation,
                           const int32_t *leaders, int32_t count);
/* There is no answer for it but this error. */
void kc_sender_topic_failed(struct kc_sender *sender, struct kb_time now,
                            struct kc_send_topic *topic, int32_t code);

/* ---- The driver's turns --------------------------------------------------------- */

void kc_sender_id(struct kc_sender *sender, struct kb_time now, int64_t id, int16_t epoch);
bool kc_sender_wants_id(const struct kc_sender *sender);
/* Of a transactional producer, while nothing waits to be sent. */
void kc_sender_txn_id(struct kc_sender *sender, int64_t id, int16_t epoch);
/* What is not on its way fails with this, and whatever comes; 0: nothing any more. */
void kc_sender_drop_all(struct kc_sender *sender, struct kb_time now, int32_t code);

/* The bell, lingering, deadlines. Before it kc_bell_answer, if it was kicked. */
void kc_sender_step(struct kc_sender *sender, struct kb_time now);
int64_t kc_sender_deadline_ms(const struct kc_sender *sender);
/* The turn is over. False: something rang meanwhile. */
bool kc_sender_rest(struct kc_sender *sender);

/* The next request to a broker: one batch of each partition, sealed and
 * stamped, in the order of the ring; at most max. Answers how many. The flights
 * stay where they are until each was answered or lost. */
size_t kc_sender_collect(struct kc_sender *sender, struct kb_time now,
                         struct kc_send_broker *broker, struct kc_flight *flights, size_t max);

struct kc_produced {
    int32_t code;
    int64_t offset, timestamp_ms;
};
/* One batch has its answer. */
void kc_sender_answer(struct kc_sender *sender, struct kb_time now, struct kc_flight *flight,
                      const struct kc_produced *produced);
/* No answer came: cut, timed out. sent false: it never left. */
void kc_sender_lost(struct kc_sender *sender, struct kb_time now, struct kc_flight *flight,
                    int32_t code, bool sent);

/* ---- Flush, purge, close ---------------------------------------------------------- */

/* All that was accepted when it began. */
struct kc_flush {
    struct kb_list link;
    struct kc_flush_item {
        struct kc_send_partition *partition;
        uint64_t number;
    } * items;
    size_t count, room, at;
    bool failed; /* something meanwhile did */
    bool done;
};
/* False: no memory. done may be set at once. */
bool kc_flush_begin(struct kc_sender *sender, struct kb_time now, struct kc_flush *flush);
void kc_flush_end(struct kc_flush *flush);
/* Everything open is sealed and goes as soon as it can: somebody waits for memory. */
void kc_sender_seal_all(struct kc_sender *sender, struct kb_time now);
/* Gives up: what was never sent as NOT_PERSISTED; with in_flight all the rest.
 * Answers how many records. */
size_t kc_sender_give_up(struct kc_sender *sender, struct kb_time now, int32_t code,
                         bool in_flight);
/* Records accepted, those placed counted twice; and those reported or (no report
 * due) done, the placed once: the difference is outstanding. Any thread. */
uint64_t kc_topic_accepted(struct kc_send_topic *topic);
uint64_t kc_sender_finished(struct kc_sender *sender);

/* ---- Between its files --------------------------------------------------------------- */
void kc_partition_init(struct kc_send_partition *p, struct kc_sender *sender,
                       struct kc_send_topic *topic, int32_t index);
void kc_partition_deinit(struct kc_send_partition *p);
/* Looks at it anew: ring, timer. After each change. */
void kc_partition_look(struct kc_send_partition *p, struct kb_time now);
bool kc_partition_can_send(struct kc_send_partition *p, struct kb_time now);
void kc_partition_set_timer(struct kc_send_partition *p, struct kb_time now);
/* The oldest that is not on its way; NULL: none was taken from the slot. */
struct kc_send_batch *kc_partition_waiting(const struct kc_send_partition *p);
struct kc_send_batch *kc_partition_take(struct kc_send_partition *p); /* the slot's next; NULL */
void kc_partition_seal(struct kc_send_partition *p, uint64_t upto);   /* what is open */
/* Everything sealed, and if `open` what is open too (where nobody writes), into
 * `batches`. */
void kc_partition_take_all(struct kc_send_partition *p, bool open);
void kc_partition_finish(struct kc_send_partition *p, struct kc_send_batch *batch,
                         const struct kc_outcome *outcome);
void kc_partition_fail(struct kc_send_partition *p, struct kc_send_batch *batch, int32_t code);
/* With nothing on its way and a bump wanted: the next epoch. */
void kc_partition_bump(struct kc_send_partition *p);
struct kc_send_broker *kc_sender_broker(struct kc_sender *sender, int32_t node);
/* Seals on the loop and lets it go. */
void kc_sender_pack(struct kc_sender *sender, struct kc_send_batch *batch);
/* Places what is unplaced, if the partitions are known; closes that slot when it is
 * empty. */
void kc_topic_place(struct kc_send_topic *topic, struct kb_time now);
/* By force: a batch like another, and records that are copied into it. */
struct kc_send_batch *kc_batch_like(struct kc_supply *supply, const struct kc_send_batch *batch);
bool kc_batch_copy(struct kc_supply *supply, struct kc_send_batch *to,
                   const struct kc_send_reader *from);
bool kc_batch_split(struct kc_send_partition *p, struct kc_send_batch *batch);
void kc_flushes_look(struct kc_sender *sender);

#endif
