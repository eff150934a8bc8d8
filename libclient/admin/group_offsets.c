/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups' offsets, asked for and set by topic name: that is what an administrator
 * means. So the last versions, which go by topic id, are not used.
 */
#include "libclient/admin/table.h"
#include "wire/gen/offset_commit.h"
#include "wire/gen/offset_delete.h"
#include "wire/gen/offset_fetch.h"
#include <stdlib.h>

/* ---- OffsetFetch ---------------------------------------------------------------------------*/

enum { MANY_GROUPS = 8, ALL_TOPICS = 2, STABLE_ALONE = 7 };

/* Of one group, by topic; item->with. NULL: all it has. */
struct asked {
    const kurier_position *partitions;
    size_t count;
};

static size_t same_topic(const struct asked *asked, size_t i)
{
    size_t n = 1;
    while (i + n < asked->count &&
           !strcmp(asked->partitions[i + n].topic, asked->partitions[i].topic))
        n++;
    return n;
}

static int32_t *list_partitions(const struct asked *asked, size_t i, size_t n,
                                struct kb_arena *arena, int32_t *count)
{
    int32_t *partitions = kb_arena_array(arena, n, sizeof *partitions);
    for (size_t k = 0; partitions && k < n; k++)
        partitions[k] = asked->partitions[i + k].partition;
    *count = partitions ? (int32_t)n : 0;
    return partitions;
}

static bool list_group(const struct kc_admin_item *item, struct kb_arena *arena,
                       struct kw_offset_fetch_request_group *to)
{
    const struct asked *asked = item->with;
    kw_offset_fetch_request_group_init(to);
    to->group_id = kb_slice_str(item->name);
    to->topics_count = asked ? 0 : -1; /* all */
    if (!asked)
        return true;
    to->topics = kb_arena_array(arena, asked->count + 1, sizeof *to->topics);
    for (size_t i = 0, n; to->topics && i < asked->count; i += n) {
        struct kw_offset_fetch_request_group_topic *topic = &to->topics[to->topics_count++];
        kw_offset_fetch_request_group_topic_init(topic);
        n = same_topic(asked, i);
        topic->name = kb_slice_str(asked->partitions[i].topic);
        topic->partition_indexes =
            list_partitions(asked, i, n, arena, &topic->partition_indexes_count);
    }
    return to->topics != NULL;
}

/* Older brokers are asked about one group after the other. */
static const struct kc_admin_item *next_group(const struct kc_admin_part *part)
{
    for (size_t i = 0; i < part->count; i++)
        if (!part->items[i]->told)
            return part->items[i];
    return NULL;
}

/* The same as the only group of an older request. */
static bool list_only(const struct kc_admin_item *item, struct kb_arena *arena,
                      struct kw_offset_fetch_request *to)
{
    struct kw_offset_fetch_request_group group;
    if (!list_group(item, arena, &group))
        return false;
    to->group_id = group.group_id;
    to->topics_count = group.topics_count;
    to->topics = kb_arena_array(arena, (size_t)group.topics_count + 1, sizeof *to->topics);
    for (int32_t i = 0; to->topics && i < group.topics_count; i++)
        to->topics[i] = (struct kw_offset_fetch_request_topic){
            .name = group.topics[i].name,
            .partition_indexes = group.topics[i].partition_indexes,
            .partition_indexes_count = group.topics[i].partition_indexes_count,
        };
    return to->topics != NULL;
}

static bool build_offset_fetch(struct kc_admin_part *part, struct kb_arena *arena,
                               struct kw_offset_fetch_request *request, int16_t version)
{
    bool whole = true;
    request->require_stable =
        version >= STABLE_ALONE && kc_admin_request(part)->flags & KURIER_READ_COMMITTED;
    if (version < MANY_GROUPS)
        return list_only(next_group(part), arena, request);
    request->groups = kb_arena_array(arena, part->count + 1, sizeof *request->groups);
    for (size_t i = 0; request->groups && whole && i < part->count; i++)
        whole = list_group(part->items[i], arena, &request->groups[request->groups_count++]);
    return whole;
}

static int by_topic_and_partition(const void *a, const void *b)
{
    const kurier_group_offset *x = a, *y = b;
    int order = x->topic && y->topic ? strcmp(x->topic, y->topic) : 0;
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* What time heals about one partition is asked again with all of its group. */
static int outcome(const struct kc_admin_part *part,
                   const struct kw_offset_fetch_response_group *from, int64_t *partitions)
{
    *partitions = 0;
    for (int32_t i = 0; i < from->topics_count; i++) {
        *partitions += from->topics[i].partitions_count;
        for (int32_t k = 0; !from->error_code && k < from->topics[i].partitions_count; k++)
            if (kc_admin_heals(part->api, from->topics[i].partitions[k].error_code))
                return from->topics[i].partitions[k].error_code;
    }
    return from->error_code;
}

static kurier_group_offset offset_of(
    struct kc_admin_part *part, const char *topic,
    const struct kw_offset_fetch_response_group_topic_partition *from)
{
    return (kurier_group_offset){
        .topic = topic,
        .metadata = from->metadata.size ? kc_admin_text(part, from->metadata) : NULL,
        .partition = from->partition_index,
        .leader_epoch = from->committed_leader_epoch,
        .offset = from->committed_offset,
        .code = (kurier_code)from->error_code,
    };
}

static void take_group(struct kc_admin_part *part,
                       const struct kw_offset_fetch_response_group *from)
{
    int64_t partitions;
    uint32_t room, count = 0;
    int code = outcome(part, from, &partitions);
    union kc_admin_info *info = kc_admin_answer(part, from->group_id, -1, code, kb_slice_null());
    if (!info)
        return;
    kurier_group_offset *offsets = kc_admin_array(
        part, (int32_t)KB_MIN(partitions, (int64_t)INT32_MAX), sizeof *offsets, &room);
    for (int32_t i = 0; i < from->topics_count; i++) {
        const char *topic = kc_admin_text(part, from->topics[i].name);
        for (int32_t k = 0; k < from->topics[i].partitions_count && count < room; k++)
            offsets[count++] = offset_of(part, topic, &from->topics[i].partitions[k]);
    }
    if (count)
        qsort(offsets, count, sizeof *offsets, by_topic_and_partition);
    info->group_offsets.offsets = offsets;
    info->group_offsets.offset_count = count;
}

static void take_topic(const struct kw_offset_fetch_response_topic *from, struct kb_arena *arena,
                       struct kw_offset_fetch_response_group_topic *to)
{
    to->name = from->name;
    to->partitions = kb_arena_array(arena, (size_t)from->partitions_count, sizeof *to->partitions);
    to->partitions_count = to->partitions ? from->partitions_count : 0;
    for (int32_t i = 0; i < to->partitions_count; i++)
        to->partitions[i] = (struct kw_offset_fetch_response_group_topic_partition){
            .partition_index = from->partitions[i].partition_index,
            .committed_offset = from->partitions[i].committed_offset,
            .committed_leader_epoch = from->partitions[i].committed_leader_epoch,
            .metadata = from->partitions[i].metadata,
            .error_code = from->partitions[i].error_code,
        };
}

/* An older answer is of one group, and does not name it. */
static int take_only(struct kc_admin_part *part, const struct kw_offset_fetch_response *response)
{
    struct kw_offset_fetch_response_group group;
    struct kb_arena arena;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    kw_offset_fetch_response_group_init(&group);
    group.group_id = kb_slice_str(next_group(part)->name);
    group.error_code = response->error_code;
    group.topics_count = response->topics_count;
    group.topics = kb_arena_array(&arena, (size_t)group.topics_count, sizeof *group.topics);
    for (int32_t i = 0; group.topics && i < group.topics_count; i++)
        take_topic(&response->topics[i], &arena, &group.topics[i]);
    part->admin->result->arena.failed |= arena.failed;
    if (!arena.failed)
        take_group(part, &group);
    kb_arena_deinit(&arena);
    return next_group(part) ? KC_ADMIN_MORE : 0;
}

static int collect_offset_fetch(struct kc_admin_part *part,
                                const struct kw_offset_fetch_response *response,
                                struct kb_error *err)
{
    (void)err;
    if (part->version < MANY_GROUPS)
        return take_only(part, response);
    for (int32_t i = 0; i < response->groups_count; i++)
        take_group(part, &response->groups[i]);
    return 0;
}

KC_ADMIN_ENCODE(offset_fetch)
KC_ADMIN_TAKE(offset_fetch)

static int16_t fetch_needs(const kurier_request *request)
{
    int16_t needs = request->flags & KURIER_READ_COMMITTED ? STABLE_ALONE : 1;
    for (size_t i = 0; i < request->count; i++)
        if (!request->items[i].with)
            needs = KB_MAX(needs, ALL_TOPICS);
    return needs;
}

static const struct kc_admin_api list_group_offsets = {
    .name = "list_group_offsets",
    .kind = KURIER_ITEM_GROUP_OFFSETS,
    .flags = KURIER_READ_COMMITTED,
    .key = KW_API_OFFSET_FETCH,
    .min_version = 1,
    .max_version = 9,
    .route = KC_ROUTE_GROUPS,
    .needs = fetch_needs,
    .encode = encode_offset_fetch,
    .take = take_offset_fetch,
    .retry = {KB_E_UNSTABLE_OFFSET_COMMIT},
};

static int positions_by_topic(const void *a, const void *b)
{
    const kurier_position *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void ask_for(kurier_request *request, struct kc_admin_item *item,
                    const kurier_group_ref *from)
{
    struct asked *asked = kb_arena_alloc(&request->arena, sizeof *asked);
    kurier_position *partitions =
        kb_arena_array(&request->arena, from->count + 1, sizeof *partitions);
    for (size_t i = 0; partitions && i < from->count; i++) {
        const char *topic = kc_request_text(request, from->partitions[i].topic);
        if (!from->partitions[i].topic || from->partitions[i].partition < 0)
            kc_request_refuse(request, "%s: number %zu is no partition", item->name, i);
        partitions[i] = kurier_at(topic ? topic : "", from->partitions[i].partition, 0);
    }
    if (partitions && from->count)
        qsort(partitions, from->count, sizeof *partitions, positions_by_topic);
    if (asked)
        *asked = (struct asked){partitions, from->count};
    item->with = asked;
}

kurier_request *kurier_admin_list_group_offsets(const kurier_group_ref *groups, size_t n)
{
    kurier_request *request = kc_request_new(&list_group_offsets, n);
    for (size_t i = 0; request && i < n; i++) {
        struct kc_admin_item *item = kc_request_item(request, i, groups[i].name, -1);
        if (groups[i].partitions)
            ask_for(request, item, &groups[i]);
    }
    return kc_request_whole(request);
}

/* ---- OffsetCommit --------------------------------------------------------------------------*/

enum { NO_GENERATION = -1 };

struct committed {
    int32_t leader_epoch;
    const char *metadata;
};

static void list_offsets(struct kc_admin_part *part, size_t i, size_t n, struct kb_arena *arena,
                         struct kw_offset_commit_request_topic *to)
{
    kw_offset_commit_request_topic_init(to);
    to->name = kb_slice_str(part->items[i]->name);
    to->partitions = kb_arena_array(arena, n, sizeof *to->partitions);
    to->partitions_count = to->partitions ? (int32_t)n : 0;
    for (int32_t k = 0; k < to->partitions_count; k++) {
        const struct kc_admin_item *item = part->items[i + (size_t)k];
        const struct committed *with = item->with;
        to->partitions[k] = (struct kw_offset_commit_request_partition){
            .partition_index = item->partition,
            .committed_offset = item->number,
            .committed_leader_epoch = with->leader_epoch > 0 ? with->leader_epoch : -1,
            .committed_metadata = kb_slice_str(with->metadata ? with->metadata : ""),
        };
    }
}

static bool build_offset_commit(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_offset_commit_request *request, int16_t version)
{
    (void)version;
    request->group_id = kb_slice_str(kc_admin_request(part)->group);
    request->generation_id_or_member_epoch = NO_GENERATION;
    request->member_id = kb_slice_str("");
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0, n; request->topics && i < part->count; i += n) {
        n = kc_admin_same_name(part, i);
        list_offsets(part, i, n, arena, &request->topics[request->topics_count++]);
    }
    return true;
}

/* Brokers mean that the nameless member who commits is none of those that there are. */
static struct kb_slice why(int code)
{
    return code == KB_E_UNKNOWN_MEMBER_ID ? kb_slice_str("the group has members; stop them first")
                                          : kb_slice_null();
}

static int collect_offset_commit(struct kc_admin_part *part,
                                 const struct kw_offset_commit_response *response,
                                 struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_offset_commit_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++)
            kc_admin_answer(part, topic->name, topic->partitions[k].partition_index,
                            topic->partitions[k].error_code, why(topic->partitions[k].error_code));
    }
    return 0;
}

KC_ADMIN_ENCODE(offset_commit)
KC_ADMIN_TAKE(offset_commit)

static const struct kc_admin_api alter_group_offsets = {
    .name = "alter_group_offsets",
    .kind = KURIER_ITEM,
    .key = KW_API_OFFSET_COMMIT,
    .min_version = 2,
    .max_version = 9,
    .route = KC_ROUTE_GROUPS,
    .encode = encode_offset_commit,
    .take = take_offset_commit,
};

kurier_request *kurier_admin_alter_group_offsets(const char *group,
                                                 const kurier_group_offset *offsets, size_t n)
{
    kurier_request *request = kc_request_new(&alter_group_offsets, n);
    for (size_t i = 0; request && i < n; i++) {
        const struct committed with = {offsets[i].leader_epoch,
                                       kc_request_text(request, offsets[i].metadata)};
        struct kc_admin_item *item =
            kc_request_item(request, i, offsets[i].topic, offsets[i].partition);
        item->number = offsets[i].offset;
        item->with = kc_request_copy(request, &with, sizeof with);
        if (offsets[i].partition < 0 || offsets[i].offset < 0)
            kc_request_refuse(request, "%s [%d]: %lld is no offset to commit", item->name,
                              offsets[i].partition, (long long)offsets[i].offset);
    }
    return kc_request_in_group(request, group);
}

/* ---- OffsetDelete --------------------------------------------------------------------------*/

static bool build_offset_delete(struct kc_admin_part *part, struct kb_arena *arena,
                                struct kw_offset_delete_request *request, int16_t version)
{
    (void)version;
    request->group_id = kb_slice_str(kc_admin_request(part)->group);
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0, n; request->topics && i < part->count; i += n) {
        struct kw_offset_delete_request_topic *to = &request->topics[request->topics_count++];
        n = kc_admin_same_name(part, i);
        to->name = kb_slice_str(part->items[i]->name);
        to->partitions = kb_arena_array(arena, n, sizeof *to->partitions);
        to->partitions_count = to->partitions ? (int32_t)n : 0;
        for (int32_t k = 0; k < to->partitions_count; k++)
            to->partitions[k].partition_index = part->items[i + (size_t)k]->partition;
    }
    return true;
}

static int collect_offset_delete(struct kc_admin_part *part,
                                 const struct kw_offset_delete_response *response,
                                 struct kb_error *err)
{
    (void)err;
    if (response->error_code)
        kc_admin_answer_all(part, response->error_code, kb_slice_null());
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_offset_delete_response_topic *topic = &response->topics[i];
        for (int32_t k = 0; k < topic->partitions_count; k++)
            kc_admin_answer(part, topic->name, topic->partitions[k].partition_index,
                            topic->partitions[k].error_code, kb_slice_null());
    }
    return 0;
}

KC_ADMIN_ENCODE(offset_delete)
KC_ADMIN_TAKE(offset_delete)

static const struct kc_admin_api delete_group_offsets = {
    .name = "delete_group_offsets",
    .since = "2.4",
    .kind = KURIER_ITEM,
    .key = KW_API_OFFSET_DELETE,
    .min_version = 0,
    .max_version = 0,
    .route = KC_ROUTE_GROUPS,
    .encode = encode_offset_delete,
    .take = take_offset_delete,
};

kurier_request *kurier_admin_delete_group_offsets(const char *group,
                                                  const kurier_position *partitions, size_t n)
{
    static const kurier_position none;
    return kc_request_in_group(kc_request_of_partitions(&delete_group_offsets,
                                                        partitions ? partitions : &none,
                                                        partitions ? n : 0),
                               group);
}
