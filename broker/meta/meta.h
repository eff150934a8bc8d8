/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_META_H
#define KD_META_H
/*
 * The metadata store: a small tree of versioned nodes, as ZooKeeper has it.
 *
 *     /brokers/topics/orders/partitions/0/state   {"leader":1,...}   version 4
 *
 * Everything is asynchronous: a call answers through its callback, on the
 * loop, never from inside the call, exactly once, in the order of the calls. A
 * callback's views end with it. What a callback is told was durable before.
 *
 * A write ends in one of three ways. UNKNOWN means that it may or may not
 * have happened: read again, never repeat blindly.
 *
 * One implementation keeps the tree in a file of its own (embedded.h); a
 * cluster's lies behind the same table.
 */
#include "base/list.h"
#include "base/slice.h"

enum kd_meta_outcome { KD_META_OK, KD_META_CONFLICT, KD_META_UNKNOWN };

enum kd_meta_reason { /* of a conflict */
                      KD_META_FINE,
                      KD_META_NO_NODE, /* also: the parent of what was to be created */
                      KD_META_EXISTS,
                      KD_META_BAD_VERSION,
                      KD_META_NOT_EMPTY,
                      KD_META_NO_CHILDREN, /* ephemeral nodes have none */
                      KD_META_BAD_PATH,
                      KD_META_TOO_LARGE,
                      KD_META_NO_SPACE, /* the disk is full: nothing happened, later it may */
                      KD_META_NO_MEMORY
};
const char *kd_meta_reason_text(enum kd_meta_reason reason);

struct kd_meta_stat {
    int64_t created, modified; /* numbers of the writes that did it: zxids */
    int32_t version;           /* 0 when created, +1 with each set */
    int32_t children;
    bool ephemeral;
};

enum kd_meta_kind { KD_META_CHECK, KD_META_CREATE, KD_META_SET, KD_META_DELETE };
enum {
    KD_META_EPHEMERAL = 1, /* goes with this session; never on disk */
    KD_META_SEQUENTIAL = 2 /* ten digits are appended to the path */
};
enum { KD_META_ANY = -1 }; /* as a version */
enum { KD_META_MAX_DATA = 1 << 20, KD_META_MAX_PATH = 512 };

struct kd_meta_op {
    enum kd_meta_kind kind;
    unsigned flags;
    const char *path;
    struct kb_slice data;
    int32_t version; /* check, set, delete: must be this, or KD_META_ANY */
};

struct kd_meta_change {
    const char *path; /* as created */
    int32_t version;  /* after the write */
    bool ephemeral;
};

struct kd_meta_result {
    enum kd_meta_outcome outcome;
    enum kd_meta_reason reason;
    int failed; /* conflict: index of the operation; else -1 */
    int64_t zxid;
    const struct kd_meta_change *changes; /* OK: one per operation */
    int count;
};

struct kd_meta_node {
    enum kd_meta_outcome outcome; /* CONFLICT: there is no such node */
    struct kb_slice data;
    struct kd_meta_stat stat;
    const char *const *children; /* names, in order; of children() only */
    int count;
};

enum kd_meta_event { KD_META_CREATED, KD_META_CHANGED, KD_META_DELETED, KD_META_CHILDREN };

/* One-shot; lies in its owner's struct. Armed by a get (whether the node is
 * there or not) or by children (only if it is there). Disarm before it goes. */
struct kd_meta_watch {
    void (*fn)(struct kd_meta_watch *, enum kd_meta_event, const char *path);
    struct kb_list link;
    void *place;
};

typedef void kd_meta_multi_fn(void *ctx, const struct kd_meta_result *result);
typedef void kd_meta_node_fn(void *ctx, const struct kd_meta_node *node);

struct kd_meta;
struct kd_meta_ops {
    void (*get)(struct kd_meta *, const char *path, struct kd_meta_watch *, kd_meta_node_fn *,
                void *ctx);
    void (*children)(struct kd_meta *, const char *path, struct kd_meta_watch *, kd_meta_node_fn *,
                     void *ctx);
    void (*multi)(struct kd_meta *, const struct kd_meta_op *ops, int n, kd_meta_multi_fn *,
                  void *ctx);
    void (*disarm)(struct kd_meta *, struct kd_meta_watch *);
    /* What waits is answered with UNKNOWN, then `closed`. */
    void (*close)(struct kd_meta *, void (*closed)(void *ctx), void *ctx);
    /* As a crash would: nothing is written from here on, what waits is answered
     * with UNKNOWN before it returns. The store is gone with its loop. */
    void (*halt)(struct kd_meta *);
};

struct kd_meta {
    const struct kd_meta_ops *ops;
};

/* All operations or none. The store copies what it is given. */
static inline void kd_meta_multi(struct kd_meta *meta, const struct kd_meta_op *ops, int n,
                                 kd_meta_multi_fn *fn, void *ctx)
{
    meta->ops->multi(meta, ops, n, fn, ctx);
}

/* watch may be NULL here and below. */
static inline void kd_meta_get(struct kd_meta *meta, const char *path, struct kd_meta_watch *watch,
                               kd_meta_node_fn *fn, void *ctx)
{
    meta->ops->get(meta, path, watch, fn, ctx);
}

static inline void kd_meta_children(struct kd_meta *meta, const char *path,
                                    struct kd_meta_watch *watch, kd_meta_node_fn *fn, void *ctx)
{
    meta->ops->children(meta, path, watch, fn, ctx);
}

void kd_meta_watch_init(struct kd_meta_watch *watch,
                        void (*fn)(struct kd_meta_watch *, enum kd_meta_event, const char *path));

#endif
