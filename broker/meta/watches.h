/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_WATCHES_H
#define KD_WATCHES_H
/* Who waits for which path, and for what of it. */
#include "base/map.h"
#include "broker/meta/meta.h"

enum kd_watch_kind { KD_WATCH_NODE, KD_WATCH_CHILDREN };

struct kd_watches {
    struct kb_map places; /* by path */
};

void kd_watches_init(struct kd_watches *watches, uint64_t seed);
void kd_watches_deinit(struct kd_watches *watches); /* forgets them all */
/* False: no memory. Arming an armed watch moves it. */
bool kd_watches_arm(struct kd_watches *watches, const char *path, enum kd_watch_kind kind,
                    struct kd_meta_watch *watch);
void kd_watches_disarm(struct kd_watches *watches, struct kd_meta_watch *watch);
/* Calls what this write wakes; the watches are disarmed before. */
void kd_watches_fire(struct kd_watches *watches, const struct kd_meta_op *op, const char *path);

#endif
