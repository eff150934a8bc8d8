/* SPDX-License-Identifier: Apache-2.0 */
/* What the classic protocol carries in its bytes between consumers. */
#include "broker/core/group/modern/migrate.h"
#include "broker/core/topics.h"
#include "wire/gen/consumer_protocol_assignment.h"
#include "wire/gen/consumer_protocol_subscription.h"
#include "wire/writer.h"

enum { NEWEST = 3 };

/* Newer versions begin as the newest that is known here. */
static int16_t known_version(int16_t version)
{
    return KB_MIN(version, (int16_t)NEWEST);
}

static size_t count_owned(const struct kw_consumer_protocol_subscription *in)
{
    size_t count = 0;
    for (int32_t i = 0; i < in->owned_partitions_count; i++)
        count += (size_t)KB_MAX(in->owned_partitions[i].partitions_count, 0);
    return count;
}

static bool read_owned(struct kd_subscription *to,
                       const struct kw_consumer_protocol_subscription *in,
                       const struct kd_topics *topics, struct kb_arena *arena)
{
    to->owned = kd_parts_room(arena, count_owned(in));
    for (int32_t i = 0; to->owned.at && i < in->owned_partitions_count; i++) {
        const struct kd_topic *topic = kd_topics_find(topics, in->owned_partitions[i].topic);
        for (int32_t p = 0; topic && p < in->owned_partitions[i].partitions_count; p++)
            kd_parts_add(&to->owned, topic->id, in->owned_partitions[i].partitions[p], 0);
    }
    if (to->owned.at)
        kd_parts_sort(&to->owned);
    return to->owned.at;
}

bool kd_subscription_read(struct kd_subscription *to, struct kb_slice metadata,
                          const struct kd_topics *topics, struct kb_arena *arena)
{
    struct kw_consumer_protocol_subscription in;
    struct kw_reader r = kw_reader_of(metadata);
    *to = (struct kd_subscription){.version = kw_read_i16(&r)};
    if (!metadata.data || to->version < 0 ||
        !kw_consumer_protocol_subscription_decode(&r, known_version(to->version), arena, &in))
        return false;
    to->topics = in.topics;
    to->topic_count = (size_t)KB_MAX(in.topics_count, 0);
    to->rack = in.rack_id.size ? in.rack_id : kb_slice_null();
    return read_owned(to, &in, topics, arena);
}

bool kd_assignment_read(struct kd_parts *to, bool *has_more, struct kb_slice bytes,
                        const struct kd_topics *topics, struct kb_arena *arena)
{
    struct kw_consumer_protocol_assignment in;
    struct kw_reader r = kw_reader_of(bytes);
    size_t room = 0;
    *has_more = false;
    kw_consumer_protocol_assignment_init(&in);
    if (bytes.size) {
        int16_t version = kw_read_i16(&r);
        if (version < 0 ||
            !kw_consumer_protocol_assignment_decode(&r, known_version(version), arena, &in))
            return false;
    }
    *has_more = in.user_data.size > 0;
    for (int32_t i = 0; i < in.assigned_partitions_count; i++)
        room += (size_t)KB_MAX(in.assigned_partitions[i].partitions_count, 0);
    *to = kd_parts_room(arena, room);
    for (int32_t i = 0; to->at && i < in.assigned_partitions_count; i++) {
        const struct kd_topic *topic = kd_topics_find(topics, in.assigned_partitions[i].topic);
        for (int32_t p = 0; topic && p < in.assigned_partitions[i].partitions_count; p++)
            kd_parts_add(to, topic->id, in.assigned_partitions[i].partitions[p], 0);
    }
    if (to->at)
        kd_parts_sort(to);
    return to->at;
}

struct kb_slice kd_assignment_write(const struct kd_parts *parts, int16_t version,
                                    const struct kd_topics *topics, struct kb_arena *arena)
{
    struct kw_consumer_protocol_assignment out;
    struct kw_writer w;
    version = known_version(version);
    kw_consumer_protocol_assignment_init(&out);
    out.assigned_partitions =
        kb_arena_array(arena, kd_parts_topics(parts), sizeof *out.assigned_partitions);
    for (size_t at = 0, end; out.assigned_partitions && at < parts->count; at = end) {
        const struct kd_topic *topic = kd_topics_find_id(topics, parts->at[at].topic);
        end = kd_parts_run(parts, at);
        if (!topic)
            continue;
        struct kw_consumer_protocol_assignment_topic *to =
            &out.assigned_partitions[out.assigned_partitions_count++];
        to->topic = kb_slice_str(topic->name);
        to->partitions = kd_parts_numbers(parts, at, end, arena);
        to->partitions_count = (int32_t)(end - at);
    }
    kw_writer_init(&w, KD_RECORD_MAX_BYTES);
    kw_write_i16(&w, version);
    if (!arena->failed)
        kw_consumer_protocol_assignment_encode(&w, version, &out);
    struct kb_buf *buf = kw_writer_take(&w);
    struct kb_slice bytes = kb_slice_null();
    if (buf)
        bytes = kd_slice_copy(arena, kb_buf_view(buf));
    arena->failed |= !buf;
    kb_buf_unref(buf);
    return bytes;
}
