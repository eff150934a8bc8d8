/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMBER_RIG_H
#define MEMBER_RIG_H
/*
 * One member with all that it borrows: options, metadata of topics that the test
 * says, a clock that the test moves. It always knows its coordinator, unless told
 * otherwise.
 */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/check.h"
#include "libclient/core/group/group_options.h"
#include "libclient/core/group/member.h"
#include "libclient/core/group/member_request.h"

enum { RIG_TOPICS = 8 };

struct rig_topic {
    const char *name;
    int32_t partitions; /* 0: it is not there */
};

struct rig {
    struct kc_options *options;
    struct kc_bootstrap bootstrap;
    struct kb_random random;
    struct kc_metadata metadata;
    struct kc_assignors assignors;
    struct kc_member member;
    struct kb_time now;
    struct kb_arena arena; /* of the last request */
    struct kc_member_request request;
    const struct rig_topic *topics; /* what there is; the last one's name is NULL */
    uint32_t held;                  /* the wanted_version that was learnt */
};

/* keys: "key", "value", ..., NULL beside group.id=g. False: no memory. */
bool rig_init(struct rig *rig, const struct kc_member_kind *kind, const char *const *keys,
              const struct rig_topic *topics, uint64_t seed);
void rig_deinit(struct rig *rig);
bool rig_subscribe(struct rig *rig, const char *topic); /* to this one alone */
/* Metadata answers: what there is now of all that the member wants. */
void rig_learn(struct rig *rig);
/* Plans; answers the api key, or -1. */
int rig_plan(struct rig *rig);
/* The next request is of that API. */
void rig_expect(struct rig *rig, int16_t api_key);
void rig_answer(struct rig *rig, const struct kc_member_response *response);
/* Moves the clock to the member's next deadline, at most to `ms` from now, and ticks. */
void rig_wait(struct rig *rig, int64_t ms);
/* "t-0 t-1", of any set. */
const char *rig_text(const struct kc_partitions *set);

#endif
