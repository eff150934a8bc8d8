/* SPDX-License-Identifier: Apache-2.0 */
/* Which partition a record without one goes to. Any thread. */
#include "libclient/core/sender.h"

uint32_t kc_partition_queued_bytes(const struct kc_send_partition *p)
{
    if (!atomic_load_explicit(&p->open_to_all, memory_order_relaxed))
        return UINT32_MAX;
    uint64_t in = atomic_load_explicit(&p->slot.bytes, memory_order_relaxed);
    uint64_t out = atomic_load_explicit(&p->done_bytes, memory_order_relaxed);
    uint64_t queued = in > out ? in - out : 0;
    return queued < UINT32_MAX ? (uint32_t)queued : UINT32_MAX - 1;
}

static uint32_t queued_bytes(const void *ctx, int32_t partition)
{
    const struct kc_table *table = ctx;
    return kc_partition_queued_bytes(table->partitions[partition]);
}

static int32_t choose(struct kc_send_topic *topic, const struct kc_table *table)
{
    struct kc_load load = {table->count, queued_bytes, table, topic->sender->options.adaptive};
    struct kb_random random;
    kb_random_seed(&random, atomic_fetch_add(&topic->chance, 0x9e3779b97f4a7c15));
    return kc_partition_choose(&load, &random);
}

static void stick_to(struct kc_send_topic *topic, const struct kc_table *table, int32_t partition)
{
    uint64_t bytes =
        atomic_load_explicit(&table->partitions[partition]->slot.bytes, memory_order_relaxed);
    atomic_store_explicit(&topic->sticky.from_bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&topic->sticky.partition, partition, memory_order_relaxed);
}

int32_t kc_topic_sticky(struct kc_send_topic *topic, const struct kc_table *table)
{
    int32_t partition = atomic_load_explicit(&topic->sticky.partition, memory_order_relaxed);
    if (partition >= 0 && partition < table->count)
        return partition;
    partition = choose(topic, table);
    stick_to(topic, table, partition);
    return partition;
}

int32_t kc_topic_stick_on(struct kc_send_topic *topic, const struct kc_table *table,
                          int32_t partition, bool filled)
{
    int32_t now = kc_topic_sticky(topic, table);
    if (now != partition)
        return now; /* somebody else has switched */
    uint64_t bytes =
        atomic_load_explicit(&table->partitions[partition]->slot.bytes, memory_order_relaxed) -
        atomic_load_explicit(&topic->sticky.from_bytes, memory_order_relaxed);
    size_t enough = topic->sender->options.batch_bytes;
    if (bytes < (filled ? enough / 2 : enough))
        return partition;
    now = choose(topic, table);
    stick_to(topic, table, now);
    return now;
}

int32_t kc_topic_choose(struct kc_send_topic *topic, const struct kc_table *table,
                        struct kb_slice key, bool *sticky)
{
    const struct kc_send_options *options = &topic->sender->options;
    int32_t partition =
        options->ignore_keys ? -1 : kc_partition_by_key(options->partitioner, key, table->count);
    *sticky = partition < 0 && options->partitioner != KC_RANDOM;
    if (partition >= 0)
        return partition;
    return *sticky ? kc_topic_sticky(topic, table) : choose(topic, table);
}
