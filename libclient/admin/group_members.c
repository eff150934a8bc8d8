/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/admin/group_members.h"
#include "wire/gen/consumer_protocol_assignment.h"
#include "wire/gen/consumer_protocol_subscription.h"
#include <stdlib.h>

enum {
    PROTOCOL_VERSION = 3, /* of subscriptions and assignments; newer ones begin alike */
    CLASSIC_MEMBER = 0    /* in ConsumerGroupDescribe; 1: of the consumer protocol */
};

/* ---- Partitions ------------------------------------------------------------------------*/

static int by_topic_and_partition(const void *a, const void *b)
{
    const kurier_position *x = a, *y = b;
    int order = x->topic && y->topic ? strcmp(x->topic, y->topic) : 0;
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Room for as many; *count is how many are in it. */
struct taken {
    kurier_position *positions;
    uint32_t count, room;
};

static struct taken room_for(struct kc_admin_part *part, int64_t count)
{
    struct taken taken = {0};
    taken.positions = kc_admin_array(part, (int32_t)KB_MIN(count, (int64_t)INT32_MAX),
                                     sizeof *taken.positions, &taken.room);
    return taken;
}

static void add_topic(struct kc_admin_part *part, struct taken *taken, struct kb_slice topic,
                      const int32_t *partitions, int32_t count)
{
    const char *name = kc_admin_text(part, topic);
    for (int32_t i = 0; i < count && taken->count < taken->room; i++)
        taken->positions[taken->count++] = kurier_at(name, partitions[i], KURIER_END);
}

static const kurier_position *sorted(const struct taken *taken, uint32_t *count)
{
    if (taken->count)
        qsort(taken->positions, taken->count, sizeof *taken->positions, by_topic_and_partition);
    *count = taken->count;
    return taken->positions;
}

/* ---- Members ---------------------------------------------------------------------------*/

static int compare(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : 0;
}

static int by_client_host_and_id(const void *a, const void *b)
{
    const kurier_group_member *x = a, *y = b;
    int order = compare(x->client, y->client);
    if (!order)
        order = compare(x->host, y->host);
    return order ? order : compare(x->id, y->id);
}

static void sort_members(kurier_group_info *group, kurier_group_member *members)
{
    if (group->member_count)
        qsort(members, group->member_count, sizeof *members, by_client_host_and_id);
    group->members = members;
}

static kurier_bytes bytes_of(struct kc_admin_part *part, struct kb_slice from)
{
    uint32_t size;
    uint8_t *copy = kc_admin_array(part, (int32_t)from.size, 1, &size);
    if (size)
        memcpy(copy, from.data, size);
    return kurier_bytes_of(copy, size);
}

/* ---- Classic ---------------------------------------------------------------------------*/

/* What stands after the version. False: no bytes of that protocol. */
static bool begin(struct kb_slice bytes, struct kw_reader *body, int16_t *version)
{
    if (!bytes.size)
        return false;
    *body = kw_reader_of(bytes);
    *version = kw_read_i16(body);
    if (*version > PROTOCOL_VERSION)
        *version = PROTOCOL_VERSION;
    return kw_reader_ok(body) && *version >= 0;
}

static void take_subscription(struct kc_admin_part *part, struct kb_slice from,
                              struct kb_arena *arena, kurier_group_member *to)
{
    struct kw_consumer_protocol_subscription m;
    struct kw_reader body;
    int16_t version;
    if (!begin(from, &body, &version) ||
        !kw_consumer_protocol_subscription_decode(&body, version, arena, &m))
        return;
    to->topics = kc_admin_texts(part, m.topics, m.topics_count, &to->topic_count);
    to->rack = kc_admin_text(part, m.rack_id);
}

static void take_classic_assignment(struct kc_admin_part *part, struct kb_slice from,
                                    struct kb_arena *arena, kurier_group_member *to)
{
    struct kw_consumer_protocol_assignment m;
    struct kw_reader body;
    int16_t version;
    int64_t count = 0;
    if (!begin(from, &body, &version) ||
        !kw_consumer_protocol_assignment_decode(&body, version, arena, &m))
        return;
    for (int32_t i = 0; i < m.assigned_partitions_count; i++)
        count += m.assigned_partitions[i].partitions_count;
    struct taken taken = room_for(part, count);
    for (int32_t i = 0; i < m.assigned_partitions_count; i++)
        add_topic(part, &taken, m.assigned_partitions[i].topic, m.assigned_partitions[i].partitions,
                  m.assigned_partitions[i].partitions_count);
    to->assigned = sorted(&taken, &to->assigned_count);
}

static void take_classic(struct kc_admin_part *part, bool consumers,
                         const struct kw_describe_groups_response_member *from,
                         kurier_group_member *to)
{
    struct kb_arena arena;
    *to = (kurier_group_member){
        .id = kc_admin_text(part, from->member_id),
        .instance = kc_admin_text(part, from->group_instance_id),
        .client = kc_admin_text(part, from->client_id),
        .host = kc_admin_text(part, from->client_host),
        .epoch = -1,
        .classic = true,
        .metadata = bytes_of(part, from->member_metadata),
        .assignment = bytes_of(part, from->member_assignment),
    };
    if (!consumers)
        return;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    take_subscription(part, from->member_metadata, &arena, to);
    take_classic_assignment(part, from->member_assignment, &arena, to);
    part->admin->result->arena.failed |= arena.failed;
    kb_arena_deinit(&arena);
}

void kc_admin_take_classic_members(struct kc_admin_part *part,
                                   const struct kw_describe_groups_response_group *from,
                                   kurier_group_info *to)
{
    bool consumers = kb_slice_is(from->protocol_type, "consumer");
    kurier_group_member *members =
        kc_admin_array(part, from->members_count, sizeof *members, &to->member_count);
    for (uint32_t i = 0; i < to->member_count; i++)
        take_classic(part, consumers, &from->members[i], &members[i]);
    sort_members(to, members);
}

/* ---- KIP-848 ---------------------------------------------------------------------------*/

static const kurier_position *take_assignment(
    struct kc_admin_part *part, const struct kw_consumer_group_describe_response_assignment *from,
    uint32_t *count)
{
    int64_t partitions = 0;
    for (int32_t i = 0; i < from->topic_partitions_count; i++)
        partitions += from->topic_partitions[i].partitions_count;
    struct taken taken = room_for(part, partitions);
    for (int32_t i = 0; i < from->topic_partitions_count; i++)
        add_topic(part, &taken, from->topic_partitions[i].topic_name,
                  from->topic_partitions[i].partitions, from->topic_partitions[i].partitions_count);
    return sorted(&taken, count);
}

static void take_consumer(struct kc_admin_part *part,
                          const struct kw_consumer_group_describe_response_member *from,
                          kurier_group_member *to)
{
    *to = (kurier_group_member){
        .id = kc_admin_text(part, from->member_id),
        .instance = kc_admin_text(part, from->instance_id),
        .client = kc_admin_text(part, from->client_id),
        .host = kc_admin_text(part, from->client_host),
        .rack = kc_admin_text(part, from->rack_id),
        .epoch = from->member_epoch,
        .classic = from->member_type == CLASSIC_MEMBER,
    };
    if (from->subscribed_topic_regex.size)
        to->regex = kc_admin_text(part, from->subscribed_topic_regex);
    to->topics = kc_admin_texts(part, from->subscribed_topic_names,
                                from->subscribed_topic_names_count, &to->topic_count);
    to->assigned = take_assignment(part, &from->assignment, &to->assigned_count);
    to->target = take_assignment(part, &from->target_assignment, &to->target_count);
}

void kc_admin_take_consumer_members(struct kc_admin_part *part,
                                    const struct kw_consumer_group_describe_response_group *from,
                                    kurier_group_info *to)
{
    kurier_group_member *members =
        kc_admin_array(part, from->members_count, sizeof *members, &to->member_count);
    for (uint32_t i = 0; i < to->member_count; i++)
        take_consumer(part, &from->members[i], &members[i]);
    sort_members(to, members);
}
