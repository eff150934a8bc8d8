/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/lead.h"
#include "base/check.h"
#include "base/codes.h"
#include "base/mem.h"
#include "libclient/core/group/subscription.h"

enum { ARENA_BYTES = 256 << 20 };

struct kc_lead_member {
    struct kb_slice id, instance;
    struct kw_consumer_protocol_subscription said;
};

void kc_lead_init(struct kc_lead *lead)
{
    *lead = (struct kc_lead){0};
    kb_arena_init(&lead->arena, ARENA_BYTES);
}

void kc_lead_deinit(struct kc_lead *lead)
{
    kc_names_deinit(&lead->topics);
    kb_arena_deinit(&lead->arena);
}

void kc_lead_end(struct kc_lead *lead)
{
    kc_lead_deinit(lead);
    kc_lead_init(lead);
}

/* ---- Who joined ------------------------------------------------------------------*/

static bool copy(struct kb_arena *arena, struct kb_slice *to, struct kb_slice from)
{
    uint8_t *bytes = from.data ? kb_arena_alloc(arena, from.size + 1) : NULL;
    if (bytes)
        memcpy(bytes, from.data, from.size);
    *to = kb_slice_of(bytes, from.size);
    return bytes || !from.data;
}

static bool take_member(struct kc_lead *lead, struct kc_lead_member *member,
                        const struct kw_join_group_response_member *from)
{
    struct kb_slice metadata;
    bool whole = copy(&lead->arena, &member->id, from->member_id) &&
                 copy(&lead->arena, &member->instance, from->group_instance_id) &&
                 copy(&lead->arena, &metadata, from->metadata);
    if (!whole)
        return false;
    if (!kc_subscription_decode(metadata, lead->assignor, &lead->arena, &member->said))
        kw_consumer_protocol_subscription_init(&member->said);
    for (int32_t i = 0; i < member->said.topics_count && whole; i++)
        whole = kc_names_add(&lead->topics, member->said.topics[i]);
    return whole && !lead->arena.failed;
}

bool kc_lead_begin(struct kc_lead *lead, const struct kc_assignor *assignor,
                   const struct kw_join_group_response *response)
{
    size_t count = (size_t)KB_MAX(response->members_count, 0);
    kc_lead_end(lead);
    lead->assignor = assignor;
    lead->members = kb_arena_array(&lead->arena, count + 1, sizeof *lead->members);
    bool whole = lead->members != NULL;
    for (size_t i = 0; i < count && whole; i++)
        whole = take_member(lead, &lead->members[i], &response->members[i]);
    lead->member_count = count;
    if (!whole)
        kc_lead_end(lead);
    return whole;
}

/* ---- What there is ----------------------------------------------------------------*/

static const struct kc_topic *topic_at(const struct kc_lead *lead,
                                       const struct kc_metadata *metadata, size_t i)
{
    return kc_metadata_topic(metadata, lead->topics.names[i]);
}

bool kc_lead_knows(const struct kc_lead *lead, const struct kc_metadata *metadata)
{
    bool knows = true;
    for (size_t i = 0; i < lead->topics.count && knows; i++) {
        const struct kc_topic *topic = topic_at(lead, metadata, i);
        knows = topic && (topic->known || topic->error);
    }
    return knows;
}

/* A topic that was deleted keeps its last partitions in the metadata, beside the
 * error that says so. */
static int32_t count_of(const struct kc_topic *topic)
{
    bool there = topic && topic->known && topic->error != KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    return there ? topic->partition_count : 0;
}

bool kc_lead_changed(const struct kc_lead *lead, const struct kc_metadata *metadata)
{
    bool same = true;
    for (size_t i = 0; lead->assigned && i < lead->topics.count && same; i++)
        same = count_of(topic_at(lead, metadata, i)) == lead->counts[i];
    return !same;
}

/* ---- The assignor's input ------------------------------------------------------------*/

struct input {
    struct kc_assign assign;
    struct kc_assign_topic *topics;
    struct kc_assign_member *members;
    struct kb_slice racks[KC_RACKS_MAX]; /* of members, by number */
    int rack_count;
};

static int rack_number(struct input *in, struct kb_slice rack, bool add)
{
    for (int i = 0; i < in->rack_count; i++)
        if (kb_slice_equal(in->racks[i], rack))
            return i;
    if (!add || !rack.size || in->rack_count == KC_RACKS_MAX)
        return -1;
    in->racks[in->rack_count] = rack;
    return in->rack_count++;
}

static bool put_member(struct kc_lead *lead, struct input *in, size_t i)
{
    const struct kc_lead_member *from = &lead->members[i];
    const struct kw_consumer_protocol_subscription *said = &from->said;
    struct kc_assign_member *to = &in->members[i];
    size_t owned = 0;
    for (int32_t t = 0; t < said->owned_partitions_count; t++)
        owned += (size_t)said->owned_partitions[t].partitions_count;
    int32_t *topics = kb_arena_array(&lead->arena, (size_t)said->topics_count + 1, sizeof *topics);
    struct kc_owned *have = kb_arena_array(&lead->arena, owned + 1, sizeof *have);
    if (!topics || !have)
        return false;
    *to = (struct kc_assign_member){.id = from->id,
                                    .instance = from->instance,
                                    .rack = rack_number(in, said->rack_id, true),
                                    .topics = topics,
                                    .topic_count = (size_t)said->topics_count,
                                    .owned = have,
                                    .generation = said->generation_id};
    for (int32_t t = 0; t < said->topics_count; t++)
        topics[t] = kc_names_index(&lead->topics, said->topics[t]);
    for (int32_t t = 0; t < said->owned_partitions_count; t++) {
        int32_t topic = kc_names_index(&lead->topics, said->owned_partitions[t].topic);
        for (int32_t p = 0; topic >= 0 && p < said->owned_partitions[t].partitions_count; p++) {
            int32_t partition = said->owned_partitions[t].partitions[p];
            if (partition >= 0 && partition < lead->counts[topic])
                have[to->owned_count++] = (struct kc_owned){topic, partition};
        }
    }
    return true;
}

/* A bit for each rack where the partition has a replica, of the members' racks. */
static uint64_t racks_of(struct input *in, const struct kc_metadata *metadata,
                         const struct kc_partition *partition)
{
    uint64_t bits = 0;
    for (uint32_t r = 0; r < partition->replica_count; r++) {
        const struct kc_broker *broker = kc_metadata_broker(metadata, partition->replicas[r]);
        int rack = broker && broker->rack ? rack_number(in, kb_slice_str(broker->rack), false) : -1;
        bits |= rack >= 0 ? (uint64_t)1 << rack : 0;
    }
    return bits;
}

static bool put_topic(struct kc_lead *lead, struct input *in, const struct kc_metadata *metadata,
                      size_t i)
{
    const struct kc_topic *topic = topic_at(lead, metadata, i);
    int32_t count = lead->counts[i];
    in->topics[i] =
        (struct kc_assign_topic){.name = kb_slice_str(lead->topics.names[i]), .count = count};
    if (!in->rack_count)
        return true;
    uint64_t *racks = kb_arena_array(&lead->arena, (size_t)count + 1, sizeof *racks);
    for (int32_t p = 0; racks && p < count; p++)
        racks[p] = racks_of(in, metadata, &topic->partitions[p]);
    in->topics[i].racks = racks;
    return racks != NULL;
}

static bool make_room(struct kc_lead *lead, struct input *in)
{
    size_t topics = lead->topics.count;
    in->topics = kb_arena_array(&lead->arena, topics + 1, sizeof *in->topics);
    in->members = kb_arena_array(&lead->arena, lead->member_count + 1, sizeof *in->members);
    lead->owners = kb_arena_array(&lead->arena, topics + 1, sizeof *lead->owners);
    bool whole = in->topics && in->members && lead->owners;
    for (size_t i = 0; i < topics && whole; i++) {
        size_t count = (size_t)lead->counts[i];
        lead->owners[i] = kb_arena_array(&lead->arena, count + 1, sizeof **lead->owners);
        whole = lead->owners[i] != NULL;
    }
    return whole;
}

static bool put_all(struct kc_lead *lead, struct input *in, const struct kc_metadata *metadata)
{
    bool whole = make_room(lead, in);
    for (size_t i = 0; i < lead->member_count && whole; i++)
        whole = put_member(lead, in, i);
    for (size_t i = 0; i < lead->topics.count && whole; i++)
        whole = put_topic(lead, in, metadata, i);
    in->assign =
        (struct kc_assign){in->topics, lead->topics.count, in->members, lead->member_count};
    return whole;
}

/* ---- Who gets what ---------------------------------------------------------------------*/

int kc_lead_note(struct kc_lead *lead, const struct kc_metadata *metadata)
{
    lead->counts = kb_arena_array(&lead->arena, lead->topics.count + 1, sizeof *lead->counts);
    lead->assigned = lead->counts != NULL;
    for (size_t i = 0; lead->counts && i < lead->topics.count; i++)
        lead->counts[i] = count_of(topic_at(lead, metadata, i));
    return lead->counts ? 0 : KB_E_NO_MEMORY;
}

int kc_lead_ask(struct kc_lead *lead, const struct kc_metadata *metadata)
{
    struct input in = {.rack_count = 0};
    int code = kc_lead_note(lead, metadata);
    struct kc_assign *asked = code ? NULL : kb_arena_alloc(&lead->arena, sizeof *asked);
    lead->assigned = false;
    if (!asked || !put_all(lead, &in, metadata))
        return KB_E_NO_MEMORY;
    *asked = in.assign;
    lead->asked = asked;
    return 0;
}

/* The highest that any member says it owns something by. */
static int32_t newest_generation(const struct kc_assign *in)
{
    int32_t newest = -1;
    for (size_t i = 0; i < in->member_count; i++)
        if (in->members[i].owned_count)
            newest = KB_MAX(newest, in->members[i].generation);
    return newest;
}

static void hold_back(struct kc_lead *lead, const struct kc_assign *in)
{
    int32_t newest = newest_generation(in);
    for (size_t i = 0; i < in->member_count; i++) {
        const struct kc_assign_member *member = &in->members[i];
        for (size_t k = 0; k < member->owned_count && member->generation == newest; k++) {
            int32_t *owner = &lead->owners[member->owned[k].topic][member->owned[k].partition];
            if (*owner != (int32_t)i)
                *owner = -1;
        }
    }
}

void kc_lead_placed(struct kc_lead *lead, const int32_t *owners)
{
    const struct kc_assign *in = lead->asked;
    for (size_t t = 0; t < in->topic_count; t++)
        for (int32_t p = 0; p < in->topics[t].count; p++)
            lead->owners[t][p] = *owners++;
    if (lead->assignor->cooperative)
        hold_back(lead, in);
    lead->asked = NULL;
    lead->assigned = true;
}

int kc_lead_assign(struct kc_lead *lead, const struct kc_metadata *metadata)
{
    struct input in = {.rack_count = 0};
    int code = kc_lead_note(lead, metadata);
    if (!code)
        code = put_all(lead, &in, metadata) ? lead->assignor->assign(&in.assign, lead->owners)
                                            : KB_E_NO_MEMORY;
    lead->assigned = code == 0;
    return code;
}

static bool share_out(const struct kc_lead *lead, struct kc_partitions *shares)
{
    static const struct kb_uuid no_id;
    for (size_t t = 0; t < lead->topics.count; t++) {
        struct kb_slice name = kb_slice_str(lead->topics.names[t]);
        for (int32_t p = 0; p < lead->counts[t]; p++) {
            int32_t owner = lead->owners[t][p];
            if (owner >= 0 && !kc_partitions_add(&shares[owner], name, no_id, p))
                return false;
        }
    }
    return true;
}

bool kc_lead_encode(const struct kc_lead *lead, struct kb_arena *arena,
                    struct kw_sync_group_request *request)
{
    size_t count = lead->member_count;
    struct kc_partitions *shares = KB_NEW_ARRAY(struct kc_partitions, count + 1);
    struct kw_sync_group_request_assignment *out =
        shares ? kb_arena_array(arena, count + 1, sizeof *out) : NULL;
    bool whole = out && share_out(lead, shares);
    for (size_t i = 0; i < count && whole; i++) {
        out[i].member_id = lead->members[i].id;
        whole = kc_assignment_encode(&shares[i], arena, &out[i].assignment);
    }
    for (size_t i = 0; shares && i < count; i++)
        kc_partitions_deinit(&shares[i]);
    kb_free(shares);
    request->assignments = out;
    request->assignments_count = (int32_t)count;
    return whole;
}
