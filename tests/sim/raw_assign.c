/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/raw_assign.h"

#include "base/check.h"
#include "tests/sim/raw_member.h"
#include "wire/gen/consumer_protocol_assignment.h"
#include "wire/gen/consumer_protocol_subscription.h"
#include "wire/reader.h"

#include <stdio.h>

enum { VERSION = 0, BODY_MAX = 1 << 16 };

int raw_log(struct run *run, struct kb_slice topic, int32_t partition)
{
    char name[24];
    snprintf(name, sizeof name, "%.*s", (int)topic.size, (const char *)topic.data);
    return history_topic(&run->history, name) * HISTORY_PARTITIONS + partition;
}

/* The bytes move into the arena. */
static struct kb_slice keep(struct kw_writer *w, struct kb_arena *arena)
{
    struct kb_buf *buf = kw_writer_take(w);
    KB_CHECK(buf);
    uint8_t *copy = kb_arena_alloc(arena, buf->size);
    struct kb_slice kept = kb_slice_of(copy, buf->size);
    memcpy(copy, buf->data, buf->size);
    kb_buf_unref(buf);
    kw_writer_deinit(w);
    return kept;
}

struct kb_slice raw_subscription(struct kb_arena *arena)
{
    struct kb_slice topics[RAW_MEMBER_TOPICS];
    struct kw_consumer_protocol_subscription m;
    struct kw_writer w;
    kw_consumer_protocol_subscription_init(&m);
    for (int i = 0; i < RAW_MEMBER_TOPICS; i++)
        topics[i] = kb_slice_str(raw_member_topics[i]);
    m.topics = topics;
    m.topics_count = RAW_MEMBER_TOPICS;
    kw_writer_init(&w, BODY_MAX);
    kw_write_i16(&w, VERSION);
    kw_consumer_protocol_subscription_encode(&w, VERSION, &m);
    return keep(&w, arena);
}

/* Every `of`th partition from the `nth` on. */
static struct kb_slice share(int32_t nth, int32_t of, struct kb_arena *arena)
{
    struct kw_consumer_protocol_assignment_topic topics[RAW_MEMBER_TOPICS];
    int32_t partitions[RAW_MEMBER_TOPICS][WORLD_PARTITIONS];
    struct kw_consumer_protocol_assignment m;
    struct kw_writer w;
    kw_consumer_protocol_assignment_init(&m);
    m.assigned_partitions = topics;
    m.assigned_partitions_count = RAW_MEMBER_TOPICS;
    for (int t = 0; t < RAW_MEMBER_TOPICS; t++) {
        kw_consumer_protocol_assignment_topic_init(&topics[t]);
        topics[t].topic = kb_slice_str(raw_member_topics[t]);
        topics[t].partitions = partitions[t];
    }
    for (int32_t i = nth; i < RAW_MEMBER_LOGS; i += of) {
        struct kw_consumer_protocol_assignment_topic *topic = &topics[i / WORLD_PARTITIONS];
        topic->partitions[topic->partitions_count++] = i % WORLD_PARTITIONS;
    }
    kw_writer_init(&w, BODY_MAX);
    kw_write_i16(&w, VERSION);
    kw_consumer_protocol_assignment_encode(&w, VERSION, &m);
    return keep(&w, arena);
}

int32_t raw_assign(const struct kw_join_group_response *joined, int32_t generation,
                   struct kw_sync_group_request_assignment *out, struct kb_arena *arena)
{
    int32_t count = joined->members_count;
    KB_CHECK(count <= RAW_ASSIGN_MEMBERS);
    if (!kb_slice_equal(joined->leader, joined->member_id))
        return 0;
    for (int32_t i = 0; i < count; i++) {
        kw_sync_group_request_assignment_init(&out[i]);
        out[i].member_id = joined->members[i].member_id;
        out[i].assignment = share((i + generation) % count, count, arena);
    }
    return count;
}

void raw_assignment_read(struct run *run, struct kb_slice assignment, bool *logs)
{
    struct kw_reader r = kw_reader_of(assignment);
    struct kw_consumer_protocol_assignment m;
    struct kb_arena arena;
    memset(logs, 0, HISTORY_LOGS * sizeof *logs);
    if (!assignment.size)
        return; /* the leader did not know of it */
    kb_arena_init(&arena, BODY_MAX);
    int16_t version = kw_read_i16(&r);
    bool ok = kw_consumer_protocol_assignment_decode(&r, version, &arena, &m);
    KB_CHECK(ok);
    for (int32_t t = 0; t < m.assigned_partitions_count; t++)
        for (int32_t i = 0; i < m.assigned_partitions[t].partitions_count; i++)
            logs[raw_log(run, m.assigned_partitions[t].topic,
                         m.assigned_partitions[t].partitions[i])] = true;
    kb_arena_deinit(&arena);
}
