/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_OPS_H
#define KD_OPS_H
/*
 * A multi in the making: operations whose paths and data it owns. Faults are
 * sticky: a list that ran out of memory is not sent.
 */
#include "base/arena.h"
#include "broker/meta/meta.h"

struct kd_ops {
    struct kd_meta_op *ops;
    int count, room;
    struct kb_arena arena;
};

/* For at most `room` operations. */
void kd_ops_init(struct kd_ops *list, int room);
void kd_ops_deinit(struct kd_ops *list);
bool kd_ops_ok(const struct kd_ops *list);

void kd_ops_check(struct kd_ops *list, int32_t version, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* data: copied; NULL is empty, for nodes that only hold others. */
void kd_ops_create(struct kd_ops *list, const char *data, unsigned flags, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void kd_ops_set(struct kd_ops *list, const char *data, int32_t version, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void kd_ops_delete(struct kd_ops *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
