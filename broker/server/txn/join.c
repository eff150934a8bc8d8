/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/txn/join.h"
#include "broker/server/group/topic.h"
#include "broker/server/txn/topic.h"

enum { IMPLICIT_VERSION = 2 }; /* transaction.version of who has its partitions added */

/* Where each place has its own code, that stays. */
static void finish(struct kd_txn_join *join, int code)
{
    for (size_t i = 0; i < join->count && (code || join->add); i++)
        join->places[i].code = code;
    join->done(join, code);
}

static void on_committed(struct kd_reply *reply, int code)
{
    struct kd_txn_join *join = KB_CONTAINER(reply, struct kd_txn_join, reply);
    finish(join, code ? code : join->code);
}

void kd_txn_join_as(struct kd_shard *shard, struct kd_txn_join *join, int version)
{
    struct kd_coordinator *c;
    kb_list_init(&join->reply.link);
    join->code = kd_coordinator_find(&shard->txns->topic, join->who.id, &c);
    struct kd_step *step = join->code ? NULL : kd_step_begin(c);
    if (!step) {
        finish(join, join->code ? join->code : KB_E_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    struct kd_txns *txns = kd_txns_of(c);
    if (join->add)
        join->code = kd_txns_add(txns, &join->who, version, join->places, join->count,
                                 kn_loop_now(shard->loop), &step->outcome);
    else
        join->code = kd_txns_verify(txns, &join->who, join->places, join->count);
    join->reply.answer = on_committed;
    kd_step_hold(step, &join->reply);
    kd_step_end(step);
}

void kd_txn_join(struct kd_shard *shard, struct kd_txn_join *join)
{
    kd_txn_join_as(shard, join, IMPLICIT_VERSION);
}

void kd_txn_join_forget(struct kd_txn_join *join)
{
    kd_reply_forget(&join->reply);
}

struct kd_txn_place kd_txn_place_of_group(const struct kd_shard *shard, struct kb_slice group)
{
    const struct kd_coordinator_topic *topic = &shard->groups->topic;
    struct kd_txn_place place = {.topic = kb_slice_str(KD_GROUP_TOPIC)};
    if (topic->count)
        place.partition = kd_coordinator_partition(group, topic->count);
    else
        place.code = KB_E_NOT_COORDINATOR;
    return place;
}
