/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_CONSUMER_RIG_H
#define TESTS_BROKER_CONSUMER_RIG_H
/*
 * Members of the consumer protocol over the coordinator of group_rig.h, in group "g".
 * A member does what it is told: it gives up at once what it is not to have any more,
 * unless it clings, and takes what is new.
 */
#include "tests/unit/broker/group_rig.h"
#include "broker/core/group/consumer.h"

enum { RIG_HELD_MAX = 1024 };

struct rig_part {
    struct kb_uuid topic;
    int32_t partition;
};

struct rig_consumer {
    const char *name;     /* its member id begins with it */
    const char *instance; /* NULL: dynamic */
    const char *topics;   /* "a,b" */
    const char *regex;    /* NULL: none */
    const char *assignor;
    const char *rack;
    char id[64];
    int incarnation;
    int32_t epoch, told_epoch, interval_ms, rebalance_ms;
    int16_t version;
    bool clings;   /* gives nothing back */
    bool says_all; /* its next heartbeat is a whole one */
    bool told;     /* the last answer had an assignment */
    int code;      /* of the last answer */
    struct rig_part has[RIG_HELD_MAX], wanted[RIG_HELD_MAX];
    size_t has_count, wanted_count;
};

void rig_consumer_init(struct rig_consumer *consumer, const char *name, const char *topics);
/* A heartbeat, and what follows from its answer. */
int rig_beat(struct rig *rig, struct rig_consumer *consumer);
/* The request alone: with that epoch, and what the answer says is not taken. */
int rig_beat_late(struct rig *rig, struct rig_consumer *consumer, int32_t epoch);
int rig_beat_leave(struct rig *rig, struct rig_consumer *consumer, int32_t epoch);
/* Heartbeats in turns until nobody is told anything new; at most that many rounds. */
int rig_beat_all(struct rig *rig, struct rig_consumer *consumers, size_t count, int rounds);
int rig_commit_as(struct rig *rig, const char *member, int32_t epoch, bool knows_epochs,
                  const char *topic, int32_t partition, int64_t offset);

/* A topic comes, grows (to more than it has) or goes (0). */
void rig_topic(struct rig *rig, const char *name, int32_t count);
/* "a:0,1 b:2" */
const char *rig_has(const struct rig *rig, const struct rig_consumer *consumer);

/* The coordinator is made of the log, in the same state as before. */
void rig_restart(struct rig *rig);
/* One made of the log beside it is. */
void rig_check_same(struct rig *rig);

#endif
