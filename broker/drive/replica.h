/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_REPLICA_H
#define KD_REPLICA_H
/*
 * One partition's log on this disk. Belongs to the state loop, lives until
 * kd_replica_delete or kd_disk_free. `state` may be read at any time; only the
 * drive and the machines of core/partition.h change it.
 */
#include "broker/core/partition.h"
#include "broker/drive/disk.h"
#include "base/buf.h"

struct kd_log;
struct kd_tail;
struct kd_segment;

/* ---- Append ------------------------------------------------------------- */

enum kd_wait {
    KD_WAIT_PLACED,   /* acks=0: it has an offset */
    KD_WAIT_WRITTEN,  /* acks=1 where others replicate: page cache */
    KD_WAIT_COMMITTED /* below the high watermark */
};

/*
 * One batch. It is placed (checked against its producer, given its offset) once
 * there is known to be room for it on the disk, in the order of the calls; its
 * first 16 bytes are then patched in place.
 * Codes: what kd_producers_check and kd_partition_check_txn answer (a duplicate is KB_OK with
 * `duplicate` set, when what it repeats is committed); KAFKA_STORAGE_ERROR (the
 * disk is full or broke; nothing is kept unless it was placed); NO_MEMORY;
 * NOT_LEADER_OR_FOLLOWER (the log was closed or deleted under it).
 */
struct kd_append {
    struct kb_buf *frame; /* holds `batch`; referenced from the call on, NULL once let go */
    struct kb_slice batch;
    struct kw_batch_header header; /* as parsed and validated */
    struct kd_txn_terms txn;       /* zero, unless it is of a transaction or ends one */
    enum kd_wait wait;
    void (*done)(struct kd_append *append);
    void *owner;
    /* The answer. */
    int code;
    bool duplicate, placed;
    int64_t base_offset; /* -1: not placed */
    int64_t needs_end;   /* committed once the high watermark is here */
    /* The drive's own. */
    struct kb_list link;
};

void kd_replica_append(struct kd_replica *replica, struct kd_append *append);
/* A request that no longer waits (a timeout): done is not called any more.
 * What was placed is written nevertheless; what was not, is not. The struct
 * may be freed at once. */
void kd_replica_abandon(struct kd_replica *replica, struct kd_append *append);

/* ---- Read --------------------------------------------------------------- */

/* Where the bytes of a read are. In memory, or a stretch of a segment. */
struct kd_extent {
    struct kb_piece *pieces; /* memory; kb_free, each owner holds a reference */
    size_t piece_count;
    struct kd_segment *segment; /* file; holds a reference, pinned open */
    int64_t position;
    size_t size_bytes; /* in all */
};
void kd_extent_release(struct kd_extent *extent); /* empty: nothing */

struct kd_read {
    int64_t offset; /* the first batch is the one that holds it */
    int64_t bound;  /* no batch at or above: the high watermark, the stable end, written end */
    size_t max_bytes;
    bool whole_first;   /* at least one batch, however large (KIP-74) */
    size_t aborted_max; /* tell as many aborted transactions, and end where there are more;
                           0: none are asked for */
    void (*done)(struct kd_read *read); /* only if kd_replica_read answered false */
    void *owner;
    /* The answer: KB_OK (perhaps with 0 bytes), OFFSET_OUT_OF_RANGE,
     * KAFKA_STORAGE_ERROR, NO_MEMORY (also: more were aborted in the first batch alone
     * than may be told). The last batch may be cut off. */
    int code;
    struct kd_extent extent;        /* the caller releases it, or gives it to a source */
    struct kd_aborted_list aborted; /* of what was read, by their markers; the caller's to deinit */
    struct kd_replica *replica;     /* the drive's own from here */
    struct kn_job job;
};
/* True: answered. False: it takes a disk thread, done() comes. */
bool kd_replica_read(struct kd_replica *replica, struct kd_read *read);

/* ListOffsets. */
enum { KD_TIME_MAX = -3 /* the record with the largest timestamp */ };
struct kd_lookup {
    int64_t timestamp_ms; /* the first record at or after it; or KD_TIME_MAX */
    int64_t bound;        /* only below */
    void (*done)(struct kd_lookup *lookup);
    void *owner;
    int code;
    int64_t offset, found_ms;   /* -1, -1: none */
    int32_t leader_epoch;       /* of the batch */
    struct kd_replica *replica; /* the drive's own from here */
    int64_t from;
    struct kn_job job;
};
void kd_replica_lookup(struct kd_replica *replica, struct kd_lookup *lookup);

/* ---- The rest ----------------------------------------------------------- */

/* Begin to lead: the epoch is on disk when done, or goes there with the first
 * segment. No append may wait for that one. */
void kd_replica_lead(struct kd_replica *replica, int32_t leader_epoch, struct kd_op *op);
/* DeleteRecords and retention: the log begins here, durably, when done; whole
 * segments below go after that. OFFSET_OUT_OF_RANGE above the high watermark. */
void kd_replica_set_start(struct kd_replica *replica, int64_t log_start, struct kd_op *op);
/* A follower drops what its leader does not have. No append may be waiting. */
void kd_replica_truncate(struct kd_replica *replica, int64_t log_end, struct kd_op *op);
/* Renamed to .delete and forgotten when done (the replica is freed); files go
 * in the background. Appends that wait are answered first. */
void kd_replica_delete(struct kd_replica *replica, struct kd_op *op);
/* The same towards .stray: its topic id is not known here; nothing is unlinked. */
void kd_replica_stray(struct kd_replica *replica, struct kd_op *op);
void kd_replica_configure(struct kd_replica *replica, const struct kd_log_config *config);
/* producer.id.expiration.ms */
void kd_replica_expire_producers(struct kd_replica *replica, int64_t seen_before_ms);

struct kd_partition *kd_replica_state(struct kd_replica *replica);
const char *kd_replica_topic(const struct kd_replica *replica);
struct kb_uuid kd_replica_topic_id(const struct kd_replica *replica);
int32_t kd_replica_partition(const struct kd_replica *replica);
bool kd_replica_is_offline(const struct kd_replica *replica);
int64_t kd_replica_size_bytes(const struct kd_replica *replica);
void kd_replica_set_owner(struct kd_replica *replica, void *owner); /* the broker's */
void *kd_replica_owner(const struct kd_replica *replica);

#endif
