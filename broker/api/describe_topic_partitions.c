/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeTopicPartitions: Metadata's successor for admin clients. Topics in
 * the order of their names, a page at a time; the cursor is where the next
 * page begins. */
#include "wire/gen/describe_topic_partitions.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include <stdlib.h>

struct page {
    struct kd_request *request;
    struct kw_describe_topic_partitions_request in;
    struct kw_describe_topic_partitions_response out;
    struct kb_slice *names;
    size_t count;
    int32_t left; /* partitions that fit */
};

static int by_name(const void *a, const void *b)
{
    const struct kb_slice *x = a, *y = b;
    int order = memcmp(x->data, y->data, KB_MIN(x->size, y->size));
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* What is asked for, or all; sorted, without repeats. */
static bool collect(struct page *page)
{
    const struct kd_topics *topics = &page->request->shard->topics;
    bool all = page->in.topics_count == 0;
    size_t count = all ? topics->by_name.count : (size_t)page->in.topics_count, kept = 0;
    page->names = kb_arena_array(&page->request->arena, count, sizeof *page->names);
    if (!page->names)
        return false;
    for (int32_t i = 0; i < page->in.topics_count; i++)
        page->names[page->count++] = page->in.topics[i].name;
    for (struct kd_topic *t = all ? kd_topics_next(topics, NULL) : NULL; t;
         t = kd_topics_next(topics, t))
        page->names[page->count++] = t->by_name.key;
    qsort(page->names, page->count, sizeof *page->names, by_name);
    for (size_t i = 0; i < page->count; i++)
        if (i == 0 || !kb_slice_equal(page->names[i], page->names[kept - 1]))
            page->names[kept++] = page->names[i];
    page->count = kept;
    return true;
}

static void fill_partition(const struct kd_place *place,
                           struct kw_describe_topic_partitions_response_partition *out)
{
    kw_describe_topic_partitions_response_partition_init(out);
    out->error_code = place->serving ? KB_OK : KB_E_LEADER_NOT_AVAILABLE;
    out->partition_index = place->index;
    out->leader_id = place->serving ? place->leader : -1;
    out->leader_epoch = place->leader_epoch;
    out->replica_nodes = place->replicas;
    out->replica_nodes_count = place->replica_count;
    out->isr_nodes = place->isr;
    out->isr_nodes_count = place->isr_count;
    out->eligible_leader_replicas_count = out->last_known_elr_count = 0; /* Java wants no null */
    if (kd_place_is_offline(place)) { /* the one replica there is */
        out->offline_replicas = place->replicas;
        out->offline_replicas_count = place->replica_count;
    }
}

static void end_page(struct page *page, struct kb_slice name, int32_t partition)
{
    struct kw_describe_topic_partitions_response_cursor *cursor =
        kb_arena_alloc(&page->request->arena, sizeof *cursor);
    if (!cursor)
        return;
    cursor->topic_name = name;
    cursor->partition_index = partition;
    page->out.next_cursor = cursor;
}

static void fill_topic(struct page *page, struct kb_slice name, int32_t from)
{
    struct kw_describe_topic_partitions_response_topic *out =
        &page->out.topics[page->out.topics_count++];
    const struct kd_topic *topic = kd_topics_find(&page->request->shard->topics, name);
    kw_describe_topic_partitions_response_topic_init(out);
    out->name = name;
    if (!topic) {
        bool valid = kd_topic_name_is_valid(name);
        out->error_code = valid ? KB_E_UNKNOWN_TOPIC_OR_PARTITION : KB_E_INVALID_TOPIC_EXCEPTION;
        return;
    }
    out->topic_id = topic->id;
    out->is_internal = kd_topic_name_is_internal(name);
    out->topic_authorized_operations = KD_MAY_WITH_TOPIC;
    int32_t count = KB_MAX(KB_MIN(topic->count - from, page->left), 0);
    out->partitions = kb_arena_array(&page->request->arena, (size_t)count, sizeof *out->partitions);
    for (int32_t i = 0; out->partitions && i < count; i++)
        fill_partition(topic->places[from + i], &out->partitions[out->partitions_count++]);
    page->left -= count;
    if (from + count < topic->count)
        end_page(page, name, from + count);
}

static void fill(struct page *page)
{
    const struct kw_describe_topic_partitions_request_cursor *cursor = page->in.cursor;
    for (size_t i = 0; i < page->count && !page->out.next_cursor; i++) {
        int order = cursor ? by_name(&page->names[i], &cursor->topic_name) : 1;
        if (order < 0)
            continue;
        if (page->left == 0)
            end_page(page, page->names[i], 0);
        else
            fill_topic(page, page->names[i], order == 0 ? KB_MAX(cursor->partition_index, 0) : 0);
    }
}

void kd_handle_describe_topic_partitions(struct kd_request *request)
{
    struct page page = {.request = request};
    struct kw_writer w;
    int16_t version = request->header.version;
    if (!kw_describe_topic_partitions_request_decode(&request->body, version, &request->arena,
                                                     &page.in)) {
        kd_request_refuse(request);
        return;
    }
    kw_describe_topic_partitions_response_init(&page.out);
    page.left = KB_MAX(KB_MIN(page.in.response_partition_limit,
                              request->shard->config->max_partitions_per_request),
                       1);
    if (collect(&page))
        page.out.topics = kb_arena_array(&request->arena, page.count, sizeof *page.out.topics);
    if (page.out.topics)
        fill(&page);
    if (request->arena.failed) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    kd_answer_begin(request, &w);
    kw_describe_topic_partitions_response_encode(&w, version, &page.out);
    kd_answer_end(request, &w);
}
