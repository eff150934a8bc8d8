/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/subscription.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/codes.h"
#include "wire/gen/consumer_protocol_assignment.h"
#include "wire/gen/sticky_assignor_user_data.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum {
    SUBSCRIPTION_VERSION = 3, /* the newest; what a reader does not know stands behind */
    ASSIGNMENT_VERSION = 0,   /* the same in all versions */
    STICKY_VERSION = 1,
    MAX_BYTES = 16 << 20
};

typedef struct kw_consumer_protocol_subscription_topic subscribed_topic;
typedef struct kw_consumer_protocol_assignment_topic assigned_topic;
typedef struct kw_sticky_assignor_user_data_topic sticky_topic;

/* ---- Writing ---------------------------------------------------------------------*/

/* The writer's bytes, into the arena. */
static bool take(struct kw_writer *w, struct kb_arena *arena, struct kb_slice *out)
{
    struct kb_buf *buf = kw_writer_take(w);
    uint8_t *bytes = buf ? kb_arena_alloc(arena, buf->size + 1) : NULL;
    if (bytes) {
        memcpy(bytes, buf->data, buf->size);
        *out = kb_slice_of(bytes, buf->size);
    }
    kb_buf_unref(buf);
    kw_writer_deinit(w);
    return bytes != NULL;
}

/* Rows in stretches of one topic. The names are views. NULL: no memory. */
static subscribed_topic *by_topic(const struct kc_partitions *set, struct kb_arena *arena,
                                  int32_t *count)
{
    subscribed_topic *topics = kb_arena_array(arena, set->count + 1, sizeof *topics);
    int32_t *numbers = kb_arena_array(arena, set->count + 1, sizeof *numbers);
    subscribed_topic *topic = NULL;
    *count = 0;
    for (size_t i = 0; topics && numbers && i < set->count; i++) {
        numbers[i] = set->rows[i].partition;
        if (!topic || !kb_slice_is(topic->topic, set->rows[i].topic)) {
            topic = &topics[(*count)++];
            *topic = (subscribed_topic){kb_slice_str(set->rows[i].topic), &numbers[i], 0};
        }
        topic->partitions_count++;
    }
    return numbers ? topics : NULL;
}

static bool encode_sticky(const struct kc_subscription *from, struct kb_arena *arena,
                          struct kb_slice *out)
{
    int32_t count;
    subscribed_topic *had = by_topic(from->before, arena, &count);
    sticky_topic *topics = had ? kb_arena_array(arena, (size_t)count + 1, sizeof *topics) : NULL;
    if (!topics)
        return false;
    for (int32_t i = 0; i < count; i++)
        topics[i] = (sticky_topic){had[i].topic, had[i].partitions, had[i].partitions_count};
    struct kw_sticky_assignor_user_data data = {topics, count, from->generation};
    struct kw_writer w;
    kw_writer_init(&w, MAX_BYTES);
    kw_sticky_assignor_user_data_encode(&w, STICKY_VERSION, &data);
    return take(&w, arena, out);
}

bool kc_subscription_encode(const struct kc_subscription *from, const struct kc_assignor *assignor,
                            struct kb_arena *arena, struct kb_slice *out)
{
    struct kw_consumer_protocol_subscription message;
    struct kb_slice *names = kb_arena_array(arena, from->topics->count + 1, sizeof *names);
    int32_t owned;
    kw_consumer_protocol_subscription_init(&message);
    message.owned_partitions = by_topic(from->owned, arena, &owned);
    if (!names || !message.owned_partitions)
        return false;
    for (size_t i = 0; i < from->topics->count; i++)
        names[i] = kb_slice_str(from->topics->names[i]);
    message.topics = names;
    message.topics_count = (int32_t)from->topics->count;
    message.owned_partitions_count = owned;
    message.generation_id = from->generation;
    message.rack_id = kb_slice_str(from->rack);
    if (assignor->sticky && !assignor->cooperative && from->before->count &&
        !encode_sticky(from, arena, &message.user_data))
        return false;
    struct kw_writer w;
    kw_writer_init(&w, MAX_BYTES);
    kw_write_i16(&w, SUBSCRIPTION_VERSION);
    kw_consumer_protocol_subscription_encode(&w, SUBSCRIPTION_VERSION, &message);
    return take(&w, arena, out);
}

bool kc_assignment_encode(const struct kc_partitions *partitions, struct kb_arena *arena,
                          struct kb_slice *out)
{
    struct kw_consumer_protocol_assignment message;
    int32_t count;
    subscribed_topic *topics = by_topic(partitions, arena, &count);
    assigned_topic *assigned =
        topics ? kb_arena_array(arena, (size_t)count + 1, sizeof *assigned) : NULL;
    if (!assigned)
        return false;
    for (int32_t i = 0; i < count; i++)
        assigned[i] =
            (assigned_topic){topics[i].topic, topics[i].partitions, topics[i].partitions_count};
    kw_consumer_protocol_assignment_init(&message);
    message.assigned_partitions = assigned;
    message.assigned_partitions_count = count;
    struct kw_writer w;
    kw_writer_init(&w, MAX_BYTES);
    kw_write_i16(&w, ASSIGNMENT_VERSION);
    kw_consumer_protocol_assignment_encode(&w, ASSIGNMENT_VERSION, &message);
    return take(&w, arena, out);
}

/* ---- Reading ---------------------------------------------------------------------*/

/* A version newer than ours begins as ours does. */
static int16_t read_version(struct kw_reader *r, int16_t newest)
{
    int16_t version = kw_read_i16(r);
    return KB_MIN(version, newest);
}

/* What sticky's user data says: all that it had, and in which generation. */
static bool decode_sticky(struct kb_slice user_data, struct kb_arena *arena,
                          struct kw_consumer_protocol_subscription *out)
{
    struct kw_reader r = kw_reader_of(user_data);
    struct kw_sticky_assignor_user_data data;
    if (!kw_sticky_assignor_user_data_decode(&r, STICKY_VERSION, arena, &data))
        return !arena->failed; /* of a version without a generation: as if nothing were told */
    int32_t count = data.previous_assignment_count;
    subscribed_topic *owned = kb_arena_array(arena, (size_t)count + 1, sizeof *owned);
    for (int32_t i = 0; owned && i < count; i++) {
        const sticky_topic *topic = &data.previous_assignment[i];
        owned[i] = (subscribed_topic){topic->topic, topic->partitions, topic->partitions_count};
    }
    out->owned_partitions = owned;
    out->owned_partitions_count = count;
    out->generation_id = data.generation;
    return owned != NULL;
}

bool kc_subscription_decode(struct kb_slice bytes, const struct kc_assignor *assignor,
                            struct kb_arena *arena, struct kw_consumer_protocol_subscription *out)
{
    struct kw_reader r = kw_reader_of(bytes);
    int16_t version = read_version(&r, SUBSCRIPTION_VERSION);
    if (!kw_consumer_protocol_subscription_decode(&r, version, arena, out))
        return false;
    struct kb_slice user_data = out->user_data;
    if (!assignor->sticky || !user_data.size)
        return true;
    if (!assignor->cooperative)
        return decode_sticky(user_data, arena, out);
    if (out->generation_id < 0 && user_data.size == sizeof(int32_t))
        out->generation_id = (int32_t)kw_get_be32(user_data.data);
    return true;
}

static int add_topic(struct kc_partitions *out, const assigned_topic *topic)
{
    static const struct kb_uuid no_id;
    for (int32_t i = 0; i < topic->partitions_count; i++) {
        if (topic->partitions[i] < 0)
            return KB_E_PROTOCOL;
        if (!kc_partitions_add(out, topic->topic, no_id, topic->partitions[i]))
            return KB_E_NO_MEMORY;
    }
    return 0;
}

int kc_assignment_decode(struct kb_slice bytes, struct kb_arena *arena, struct kc_partitions *out)
{
    struct kw_consumer_protocol_assignment message;
    struct kw_reader r = kw_reader_of(bytes);
    int code = 0;
    kc_partitions_clear(out);
    if (!bytes.size)
        return 0;
    int16_t version = read_version(&r, ASSIGNMENT_VERSION);
    if (!kw_consumer_protocol_assignment_decode(&r, version, arena, &message))
        return arena->failed ? KB_E_NO_MEMORY : KB_E_PROTOCOL;
    for (int32_t i = 0; i < message.assigned_partitions_count && !code; i++)
        code = add_topic(out, &message.assigned_partitions[i]);
    return code;
}
