/* SPDX-License-Identifier: Apache-2.0 */
/* Topics described: by DescribeTopicPartitions, page by page, where the broker has
 * it; by Metadata where it has not, or where topics go by their ids. */
#include "libclient/admin/table.h"
#include "base/uuid.h"
#include "wire/gen/describe_topic_partitions.h"
#include "wire/gen/metadata.h"
#include <stdlib.h>

static int by_index(const void *a, const void *b)
{
    const kurier_partition_info *x = a, *y = b;
    return (x->partition > y->partition) - (x->partition < y->partition);
}

static void sort_partitions(kurier_partition_info *partitions, int32_t count)
{
    if (count > 0)
        qsort(partitions, (size_t)count, sizeof *partitions, by_index);
}

/* Bit set of ACL operations; the least number stands for "not asked for". */
static uint32_t operations(int32_t told)
{
    return told == INT32_MIN ? 0 : (uint32_t)told;
}

static bool wants_operations(const struct kc_admin_part *part)
{
    return kc_admin_request(part)->flags & KURIER_WITH_OPERATIONS;
}

/* ---- Metadata ----------------------------------------------------------------------------*/

static bool goes_by_id(const kurier_request *request)
{
    return request->flags & KURIER_BY_ID;
}

static bool build_metadata(struct kc_admin_part *part, struct kb_arena *arena,
                           struct kw_metadata_request *request, int16_t version)
{
    const kurier_request *from = kc_admin_request(part);
    request->allow_auto_topic_creation = false;
    request->include_topic_authorized_operations = version >= 8 && wants_operations(part);
    request->topics_count = -1; /* all */
    if (from->all)
        return true;
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    request->topics_count = request->topics ? (int32_t)part->count : 0;
    for (int32_t i = 0; i < request->topics_count; i++) {
        request->topics[i].name = kb_slice_str(part->items[i]->name);
        if (goes_by_id(from)) {
            request->topics[i].name = kb_slice_null();
            request->topics[i].topic_id = kc_admin_id(part->items[i]);
        }
    }
    return true;
}

static void take_metadata_partitions(struct kc_admin_part *part,
                                     const struct kw_metadata_response_topic *from,
                                     kurier_topic_info *to)
{
    uint32_t count;
    kurier_partition_info *partitions =
        kc_admin_array(part, from->partitions_count, sizeof *partitions, &count);
    to->partitions = partitions;
    to->partition_count = (int32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        const struct kw_metadata_response_partition *p = &from->partitions[i];
        partitions[i] = (kurier_partition_info){
            .partition = p->partition_index,
            .leader = p->leader_id,
            .leader_epoch = p->leader_epoch,
            .code = (kurier_code)p->error_code,
            .replicas = kc_admin_nodes(part, p->replica_nodes, p->replica_nodes_count),
            .isr = kc_admin_nodes(part, p->isr_nodes, p->isr_nodes_count),
            .offline = kc_admin_nodes(part, p->offline_replicas, p->offline_replicas_count)};
    }
    sort_partitions(partitions, to->partition_count);
    to->replication = count ? (int16_t)partitions[0].replicas.count : (int16_t)-1;
}

static int collect_metadata(struct kc_admin_part *part, const struct kw_metadata_response *response,
                            struct kb_error *err)
{
    (void)err;
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_metadata_response_topic *from = &response->topics[i];
        const char *id = kc_admin_id_text(part, from->topic_id);
        bool named_by_id = goes_by_id(kc_admin_request(part)) && id;
        union kc_admin_info *info =
            kc_admin_answer(part, named_by_id ? kb_slice_str(id) : from->name, -1, from->error_code,
                            kb_slice_null());
        if (!info)
            continue;
        if (named_by_id)
            info->topic.name = kc_admin_text(part, from->name);
        info->topic.id = id;
        info->topic.internal = from->is_internal;
        info->topic.operations = operations(from->topic_authorized_operations);
        take_metadata_partitions(part, from, &info->topic);
    }
    return 0;
}

KC_ADMIN_ENCODE(metadata)
KC_ADMIN_TAKE(metadata)

/* 4: the first that can be told not to make what is asked for. */
static int16_t metadata_needs(const kurier_request *request)
{
    return goes_by_id(request) ? 12 : 4;
}

static const struct kc_admin_api topics_by_metadata = {
    .name = "describe_topics",
    .kind = KURIER_ITEM_TOPIC,
    .flags = KURIER_BY_ID | KURIER_WITH_OPERATIONS,
    .key = KW_API_METADATA,
    .min_version = 4,
    .max_version = 13,
    .route = KC_ANY_BROKER,
    .needs = metadata_needs,
    .encode = encode_metadata,
    .take = take_metadata,
};

/* ---- DescribeTopicPartitions ---------------------------------------------------------------*/

/* A page goes on from a topic; those before it are done. */
static bool build_describe_topic_partitions(struct kc_admin_part *part, struct kb_arena *arena,
                                            struct kw_describe_topic_partitions_request *request,
                                            int16_t version)
{
    (void)version;
    request->topics = kb_arena_array(arena, part->count + 1, sizeof *request->topics);
    for (size_t i = 0; request->topics && i < part->count; i++)
        if (!part->page.topic || strcmp(part->items[i]->name, part->page.topic) >= 0)
            request->topics[request->topics_count++].name = kb_slice_str(part->items[i]->name);
    if (!part->page.topic)
        return true;
    request->cursor = kb_arena_alloc(arena, sizeof *request->cursor);
    if (!request->cursor)
        return false;
    request->cursor->topic_name = kb_slice_str(part->page.topic);
    request->cursor->partition_index = part->page.partition;
    return true;
}

/* The page before this one ended in the middle of that topic. */
static bool goes_on(const struct kc_admin_part *part, struct kb_slice topic)
{
    return part->page.topic && kb_slice_is(topic, part->page.topic);
}

/* The topic's partitions so far, with room for `more`; doubles, so that a topic of
 * many pages is not copied for each. */
static kurier_partition_info *make_room(struct kc_admin_part *part, kurier_topic_info *topic,
                                        int32_t more)
{
    size_t have = (size_t)topic->partition_count;
    size_t need = have + (size_t)KB_MAX(more, 0);
    if (have && need <= part->page.room)
        return (kurier_partition_info *)topic->partitions;
    size_t room = have ? KB_MAX(need, 2 * have) : need;
    kurier_partition_info *partitions =
        kb_arena_array(&part->admin->result->arena, room + 1, sizeof *partitions);
    if (partitions && have)
        memcpy(partitions, topic->partitions, have * sizeof *partitions);
    part->page.room = room;
    return partitions;
}

static void take_partitions(struct kc_admin_part *part,
                            const struct kw_describe_topic_partitions_response_topic *from,
                            kurier_topic_info *to)
{
    if (!goes_on(part, from->name) || to->partition_count < 0)
        to->partition_count = 0;
    kurier_partition_info *partitions = make_room(part, to, from->partitions_count);
    int32_t count = to->partition_count;
    if (!partitions)
        return;
    for (int32_t i = 0; i < from->partitions_count; i++) {
        const struct kw_describe_topic_partitions_response_partition *p = &from->partitions[i];
        partitions[count++] = (kurier_partition_info){
            .partition = p->partition_index,
            .leader = p->leader_id,
            .leader_epoch = p->leader_epoch,
            .code = (kurier_code)p->error_code,
            .replicas = kc_admin_nodes(part, p->replica_nodes, p->replica_nodes_count),
            .isr = kc_admin_nodes(part, p->isr_nodes, p->isr_nodes_count),
            .offline = kc_admin_nodes(part, p->offline_replicas, p->offline_replicas_count),
            .eligible = kc_admin_nodes(part, p->eligible_leader_replicas,
                                       p->eligible_leader_replicas_count)};
    }
    to->partitions = partitions;
    to->partition_count = count;
    sort_partitions(partitions, count);
    to->replication = count ? (int16_t)partitions[0].replicas.count : (int16_t)-1;
}

/* Of a request for all, that topic is the last info; of others, it is asked for. */
static union kc_admin_info *find_topic(
    struct kc_admin_part *part, const struct kw_describe_topic_partitions_response_topic *from)
{
    kurier_result *result = part->admin->result;
    union kc_admin_info *last = result->count ? &result->infos[result->count - 1] : NULL;
    if (!part->items && last && goes_on(part, from->name) &&
        kb_slice_is(from->name, last->item.name))
        return last;
    return kc_admin_answer(part, from->name, -1, from->error_code, kb_slice_null());
}

/* Half a topic is none yet, should the next page never come. */
static void leave_open(struct kc_admin_part *part, struct kb_slice topic)
{
    for (size_t i = 0; i < part->count; i++)
        if (kb_slice_is(topic, part->items[i]->name))
            part->items[i]->done = false;
}

static int next_page(struct kc_admin_part *part,
                     const struct kw_describe_topic_partitions_response *response,
                     struct kb_error *err)
{
    if (!response->next_cursor)
        return 0;
    struct kb_slice topic = response->next_cursor->topic_name;
    int32_t partition = response->next_cursor->partition_index;
    int order = part->page.topic ? kb_slice_compare(topic, kb_slice_str(part->page.topic)) : 1;
    if (order < 0 || (order == 0 && partition <= part->page.partition))
        return kb_error_set(err, KB_E_PROTOCOL, "%s: DescribeTopicPartitions does not advance",
                            kc_link_name(part->ask.from));
    leave_open(part, topic);
    part->page.topic = kc_admin_text(part, topic);
    part->page.partition = partition;
    return KC_ADMIN_MORE;
}

static int collect_describe_topic_partitions(
    struct kc_admin_part *part, const struct kw_describe_topic_partitions_response *response,
    struct kb_error *err)
{
    for (int32_t i = 0; i < response->topics_count; i++) {
        const struct kw_describe_topic_partitions_response_topic *from = &response->topics[i];
        union kc_admin_info *info = find_topic(part, from);
        if (!info)
            continue;
        info->topic.id = kc_admin_id_text(part, from->topic_id);
        info->topic.internal = from->is_internal;
        info->topic.operations =
            wants_operations(part) ? operations(from->topic_authorized_operations) : 0;
        take_partitions(part, from, &info->topic);
    }
    return next_page(part, response, err);
}

KC_ADMIN_ENCODE(describe_topic_partitions)
KC_ADMIN_TAKE(describe_topic_partitions)

static const struct kc_admin_api topics_by_pages = {
    .name = "describe_topics",
    .kind = KURIER_ITEM_TOPIC,
    .flags = KURIER_BY_ID | KURIER_WITH_OPERATIONS,
    .key = KW_API_DESCRIBE_TOPIC_PARTITIONS,
    .min_version = 0,
    .max_version = 0,
    .route = KC_ANY_BROKER,
    .encode = encode_describe_topic_partitions,
    .take = take_describe_topic_partitions,
    .by_id = &topics_by_metadata,
    .instead = &topics_by_metadata,
};

kurier_request *kurier_admin_describe_topics(const char *const *names, size_t n)
{
    kurier_request *request = kc_request_new(&topics_by_pages, names ? n : 0);
    if (!request)
        return NULL;
    request->all = !names;
    for (size_t i = 0; i < request->count; i++)
        kc_request_item(request, i, names[i], -1);
    return kc_request_whole(request);
}
