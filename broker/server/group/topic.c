/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/group/topic.h"
#include "base/mem.h"
#include "broker/core/group/offsets.h"

/* ---- As a kind of coordinator ------------------------------------------------- */

static struct kd_coordinator *make(struct kd_coordinator_topic *topic)
{
    struct kd_group_coordinator *own = KB_NEW(struct kd_group_coordinator);
    struct kd_group_topic *groups = KB_CONTAINER(topic, struct kd_group_topic, topic);
    if (!own)
        return NULL;
    kd_groups_init(&own->groups, &groups->limits, &topic->shard->topics, &topic->shard->random);
    return &own->coordinator;
}

static void discard(struct kd_coordinator *c)
{
    kd_groups_deinit(kd_groups_of(c));
    kb_free(KB_CONTAINER(c, struct kd_group_coordinator, coordinator));
}

static void forget(struct kd_coordinator *c)
{
    struct kd_groups *groups = kd_groups_of(c);
    kd_groups_deinit(groups);
    kd_groups_init(groups, groups->limits, groups->topics, groups->random);
}

static int replay(struct kd_coordinator *c, const struct kd_record *record,
                  const struct kw_batch_header *header, struct kb_time now)
{
    struct kd_groups *groups = kd_groups_of(c);
    if (header->attributes & KW_BATCH_TRANSACTIONAL)
        return kd_groups_replay_txn(groups, header->producer_id, record, now);
    return kd_groups_replay(groups, record, now);
}

static int mark(struct kd_coordinator *c, const struct kd_txn_mark *mark, struct kb_time now)
{
    (void)now;
    kd_groups_end_txn(kd_groups_of(c), mark->producer, mark->commit);
    return KB_OK;
}

static size_t count(const struct kd_coordinator *c)
{
    return kd_groups_of((struct kd_coordinator *)c)->by_id.count;
}

static void loaded(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out)
{
    kd_groups_loaded(kd_groups_of(c), now, out);
}

static int64_t deadline(const struct kd_coordinator *c)
{
    return kd_groups_deadline(kd_groups_of((struct kd_coordinator *)c));
}

static void tick(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out)
{
    kd_groups_tick(kd_groups_of(c), now, out);
}

static int64_t expiry_ms(const struct kd_coordinator *c)
{
    return c->shard->config->offsets_retention_check_ms;
}

static void expire(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out)
{
    kd_groups_expire(kd_groups_of(c), now, out);
}

static void drop(struct kd_coordinator *c, int code, struct kd_outcome *out)
{
    kd_groups_drop(kd_groups_of(c), code, out);
}

static const struct kd_coordinator_kind kind = {.name = "groups",
                                                .topic = KD_GROUP_TOPIC,
                                                .make = make,
                                                .free = discard,
                                                .forget = forget,
                                                .replay = replay,
                                                .mark = mark,
                                                .count = count,
                                                .loaded = loaded,
                                                .deadline = deadline,
                                                .tick = tick,
                                                .expiry_ms = expiry_ms,
                                                .expire = expire,
                                                .drop = drop};

/* ---- The topic ---------------------------------------------------------------- */

void kd_group_topic_init(struct kd_group_topic *groups, struct kd_shard *shard)
{
    const struct kd_config *config = shard->config;
    const struct kd_topic_plan plan = {config->offsets_partitions, config->offsets_segment_bytes};
    kd_coordinator_topic_init(&groups->topic, shard, &kind, &plan);
    groups->limits = (struct kd_group_limits){
        .min_session_ms = config->group_min_session_ms,
        .max_session_ms = config->group_max_session_ms,
        .initial_delay_ms = config->group_initial_delay_ms,
        .offsets_retention_ms = (int64_t)config->offsets_retention_minutes * 60000,
        .max_size = config->group_max_size,
        .offset_metadata_max_bytes = config->offset_metadata_max_bytes,
        .settings = {[KD_SET_SESSION] = config->consumer_session_ms,
                     [KD_SET_HEARTBEAT] = config->consumer_heartbeat_ms,
                     [KD_SET_ASSIGNMENT_INTERVAL] = config->consumer_assignment_interval_ms},
        .own = &shard->configs.groups,
        .consumer_max_size = config->consumer_max_size,
        .upgrade = config->consumer_migration & KD_MIGRATE_UP,
        .downgrade = config->consumer_migration & KD_MIGRATE_DOWN,
    };
    kd_assignors_parse(config->consumer_assignors, groups->limits.assignors);
}

void kd_group_forget(struct kd_coordinator *c, struct kd_parked *wait)
{
    kd_groups_forget(wait, kn_loop_now(c->shard->loop));
    kd_coordinator_rearm(c);
}

void kd_group_topic_forget_topic(struct kd_group_topic *groups, struct kb_slice name)
{
    struct kd_coordinator *c;
    bool loading = false;
    for (int32_t at = 0; (c = kd_coordinator_next(&groups->topic, &at, &loading));) {
        struct kd_step *step = kd_step_begin(c);
        if (!step)
            return; /* what stays is of no harm but for a topic of the same name */
        kd_groups_topic_deleted(kd_groups_of(c), name, &step->outcome);
        kd_step_end(step);
    }
}
