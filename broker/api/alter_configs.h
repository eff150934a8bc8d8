/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_ALTER_CONFIGS_H
#define KD_ALTER_CONFIGS_H
/*
 * What AlterConfigs and IncrementalAlterConfigs share: each resource stands
 * for itself, is checked, and changed beside the others; the answer leaves when
 * all are done.
 */
#include "broker/api/config_resource.h"

struct kd_altering;

/* One resource. In the request's arena, as is all it points to. */
struct kd_altered {
    struct kd_altering *altering;
    int8_t type;
    struct kb_slice name;
    struct kd_alteration *alterations;
    size_t count;
    struct kd_config_change change;
    int16_t code; /* the outcome */
    struct kb_slice message;
};

struct kd_altering {
    struct kd_request *request;
    bool replace, validate_only;
    struct kd_altered *items;
    size_t count, pending;
    void (*answer)(struct kd_altering *altering);
};

/* Resources without alterations, or NULL: no memory. Its caller fills them in,
 * then runs it; then it answers. */
struct kd_altering *kd_altering_new(struct kd_request *request, int32_t count);
void kd_altering_take(struct kd_altering *altering, size_t at, int8_t type, struct kb_slice name,
                      int32_t alterations);
void kd_altering_run(struct kd_altering *altering);

#endif
