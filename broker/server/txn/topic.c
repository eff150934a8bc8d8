/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/txn/topic.h"
#include "base/mem.h"

/* ---- As a kind of coordinator ------------------------------------------------- */

static struct kd_coordinator *make(struct kd_coordinator_topic *topic)
{
    struct kd_txn_coordinator *own = KB_NEW(struct kd_txn_coordinator);
    struct kd_txn_topic *txns = KB_CONTAINER(topic, struct kd_txn_topic, topic);
    if (!own)
        return NULL;
    kd_txns_init(&own->txns, &txns->limits, &topic->shard->random);
    kd_sends_init(&own->sends, &own->coordinator, &own->txns);
    kd_joins_init(&own->joins, &own->coordinator);
    return &own->coordinator;
}

static void discard(struct kd_coordinator *c)
{
    struct kd_txn_coordinator *own = kd_txn_coordinator_of(c);
    kd_sends_drop(&own->sends);
    kd_joins_deinit(&own->joins);
    kd_txns_deinit(&own->txns);
    kb_free(own);
}

static void forget(struct kd_coordinator *c)
{
    struct kd_txn_coordinator *own = kd_txn_coordinator_of(c);
    kd_sends_drop(&own->sends);
    kd_joins_wake(&own->joins);
    kd_txns_drop(&own->txns);
}

static int replay(struct kd_coordinator *c, const struct kd_record *record,
                  const struct kw_batch_header *header, struct kb_time now)
{
    (void)header;
    return kd_txns_replay(kd_txns_of(c), record, now);
}

/* Nothing of its own partition is in a transaction. */
static int mark(struct kd_coordinator *c, const struct kd_txn_mark *mark, struct kb_time now)
{
    (void)c;
    (void)mark;
    (void)now;
    return KB_OK;
}

static size_t count(const struct kd_coordinator *c)
{
    return kd_txns_of((struct kd_coordinator *)c)->by_id.count;
}

static void loaded(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out)
{
    kd_txns_loaded(kd_txns_of(c), now, out);
}

static int64_t deadline(const struct kd_coordinator *c)
{
    return kd_txns_deadline(kd_txns_of((struct kd_coordinator *)c));
}

static void tick(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out)
{
    kd_txns_tick(kd_txns_of(c), now, out);
}

static int64_t expiry_ms(const struct kd_coordinator *c)
{
    return c->shard->config->txn_id_expiry_check_ms;
}

static void expire(struct kd_coordinator *c, struct kb_time now, struct kd_outcome *out)
{
    kd_txns_expire(kd_txns_of(c), now, out);
}

/* Nobody is parked there. */
static void drop(struct kd_coordinator *c, int code, struct kd_outcome *out)
{
    (void)code;
    (void)out;
    forget(c);
}

static void stepped(struct kd_coordinator *c, struct kd_step *step)
{
    struct kd_txn_coordinator *own = kd_txn_coordinator_of(c);
    kd_sends_take(&own->sends, step);
    if (step->outcome.record_count) /* else nothing has ended */
        kd_joins_wake(&own->joins);
}

static const struct kd_coordinator_kind kind = {.name = "transactions",
                                                .topic = KD_TXN_TOPIC,
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
                                                .drop = drop,
                                                .stepped = stepped};

/* ---- The topic ---------------------------------------------------------------- */

void kd_txn_topic_init(struct kd_txn_topic *txns, struct kd_shard *shard)
{
    const struct kd_config *config = shard->config;
    const struct kd_topic_plan plan = {config->txn_partitions, config->txn_segment_bytes};
    kd_coordinator_topic_init(&txns->topic, shard, &kind, &plan);
    txns->limits = (struct kd_txn_limits){.max_timeout_ms = config->txn_max_timeout_ms,
                                          .id_expiration_ms = config->txn_id_expiration_ms};
}
