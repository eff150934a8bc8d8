/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_IDS_H
#define KD_IDS_H
/*
 * Producer ids. They are taken in blocks of a thousand from the metadata
 * store, by compare-and-set; a block is on disk before its first id is used,
 * so that no id is ever given twice, whatever happens to this process.
 */
#include "base/list.h"
#include "broker/meta/meta.h"

enum { KD_ID_BLOCK = 1000 };

/* Lies in its owner's struct. */
struct kd_id_wait {
    struct kb_list link;
    /* code KB_OK and an id, or COORDINATOR_NOT_AVAILABLE: ask again. */
    void (*done)(struct kd_id_wait *wait, int code, int64_t id);
};

struct kd_ids {
    struct kd_meta *meta;
    int32_t node_id;
    int64_t next, end; /* of the block */
    int64_t pending;   /* where the block begins that is being taken */
    bool busy;         /* a block is on its way */
    struct kb_list waiting;
};

void kd_ids_init(struct kd_ids *ids, int32_t node_id);
/* done comes at once if the block has ids left. */
void kd_ids_take(struct kd_ids *ids, struct kd_id_wait *wait);
void kd_ids_forget(struct kd_id_wait *wait);

#endif
