/* SPDX-License-Identifier: Apache-2.0 */
/* ListOffsets: the ends of a log from memory, everything by time from a disk
 * thread. */
#include "wire/gen/list_offsets.h"
#include "broker/api/api.h"
#include "broker/api/lookup.h"
#include "broker/drive/replica.h"

enum {
    LATEST = -1,
    EARLIEST = -2,
    MAX_TIMESTAMP = -3,
    EARLIEST_LOCAL = -4,
    LATEST_TIERED = -5,
    EARLIEST_PENDING_UPLOAD = -6
};

struct list {
    struct kd_request *request;
    struct kw_list_offsets_request in;
    struct kw_list_offsets_response out;
    size_t pending;
};

struct search {
    struct kd_lookup lookup;
    struct list *list;
    struct kw_list_offsets_response_partition *out;
};

/* Old versions have no place for an epoch. */
static void forget_epochs(struct list *list)
{
    for (int32_t i = 0; i < list->out.topics_count; i++)
        for (int32_t j = 0; j < list->out.topics[i].partitions_count; j++)
            list->out.topics[i].partitions[j].leader_epoch = -1;
}

static void settle(struct list *list)
{
    struct kw_writer w;
    if (--list->pending > 0)
        return;
    if (list->request->header.version < 4)
        forget_epochs(list);
    kd_answer_begin(list->request, &w);
    kw_list_offsets_response_encode(&w, list->request->header.version, &list->out);
    kd_answer_end(list->request, &w);
}

static void on_found(struct kd_lookup *lookup)
{
    struct search *search = KB_CONTAINER(lookup, struct search, lookup);
    struct kw_list_offsets_response_partition *out = search->out;
    out->error_code = kd_answer_code(lookup->code);
    out->offset = lookup->offset;
    out->timestamp = lookup->found_ms;
    out->leader_epoch = lookup->leader_epoch;
    settle(search->list);
}

static void search(struct list *list, const struct kd_place *place, int64_t timestamp_ms,
                   int64_t bound, struct kw_list_offsets_response_partition *out)
{
    struct search *search = kb_arena_alloc(&list->request->arena, sizeof *search);
    if (!search) {
        out->error_code = kd_answer_code(KB_E_NO_MEMORY);
        return;
    }
    search->list = list;
    search->out = out;
    search->lookup = (struct kd_lookup){
        .timestamp_ms = timestamp_ms == MAX_TIMESTAMP ? KD_TIME_MAX : timestamp_ms,
        .bound = bound,
        .done = on_found};
    list->pending++;
    kd_replica_lookup(place->replica, &search->lookup);
}

/* Which version brought which special timestamp. */
static bool is_served(int16_t version, int64_t timestamp)
{
    static const int16_t since[] = {[-LATEST] = 0,        [-EARLIEST] = 0,
                                    [-MAX_TIMESTAMP] = 7, [-EARLIEST_LOCAL] = 8,
                                    [-LATEST_TIERED] = 9, [-EARLIEST_PENDING_UPLOAD] = 11};
    return timestamp >= 0 || (timestamp >= EARLIEST_PENDING_UPLOAD && version >= since[-timestamp]);
}

static void answer_end(const struct kd_partition *state, int64_t offset,
                       struct kw_list_offsets_response_partition *out)
{
    int32_t epoch = kd_epochs_at(&state->epochs, offset);
    out->offset = offset;
    out->leader_epoch = epoch >= 0 || offset < state->log_end ? epoch : state->leader_epoch;
}

static void look(struct list *list, const struct kd_place *place, int64_t timestamp,
                 struct kw_list_offsets_response_partition *out)
{
    const struct kd_partition *state = kd_replica_state(place->replica);
    int64_t end =
        list->in.isolation_level == 1 ? kd_partition_stable_end(state) : state->high_watermark;
    switch (timestamp) {
    case LATEST:
        out->offset = end;
        out->leader_epoch = state->leader_epoch;
        break;
    case EARLIEST:
    case EARLIEST_LOCAL:
        answer_end(state, state->log_start, out);
        break;
    case LATEST_TIERED: /* nothing is tiered */
    case EARLIEST_PENDING_UPLOAD:
        break;
    default:
        search(list, place, timestamp, end, out);
    }
}

static void start(struct list *list, struct kb_slice topic,
                  const struct kw_list_offsets_request_partition *in,
                  struct kw_list_offsets_response_partition *out)
{
    int16_t version = list->request->header.version, code;
    static const struct kb_uuid no_id;
    kw_list_offsets_response_partition_init(out);
    out->partition_index = in->partition_index;
    const struct kd_place *place =
        kd_find_place(list->request->shard, topic, no_id, in->partition_index, &code);
    if (place)
        code = kd_check_epoch(place, in->current_leader_epoch);
    if (!code && !is_served(version, in->timestamp))
        code = KB_E_UNSUPPORTED_VERSION;
    out->error_code = code;
    if (!code)
        look(list, place, in->timestamp, out);
}

static bool make_room(struct list *list)
{
    struct kb_arena *arena = &list->request->arena;
    size_t count = (size_t)list->in.topics_count;
    list->out.topics = kb_arena_array(arena, count, sizeof *list->out.topics);
    for (size_t i = 0; list->out.topics && i < count; i++) {
        const struct kw_list_offsets_request_topic *in = &list->in.topics[i];
        struct kw_list_offsets_response_topic *out = &list->out.topics[list->out.topics_count++];
        kw_list_offsets_response_topic_init(out);
        out->name = in->name;
        out->partitions =
            kb_arena_array(arena, (size_t)in->partitions_count, sizeof *out->partitions);
        out->partitions_count = in->partitions_count;
    }
    return !arena->failed;
}

void kd_handle_list_offsets(struct kd_request *request)
{
    struct list *list = kb_arena_alloc(&request->arena, sizeof *list);
    if (!list || !kw_list_offsets_request_decode(&request->body, request->header.version,
                                                 &request->arena, &list->in)) {
        kd_request_refuse(request);
        return;
    }
    list->request = request;
    list->pending = 1;
    kw_list_offsets_response_init(&list->out);
    if (!make_room(list)) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    for (int32_t i = 0; i < list->in.topics_count; i++)
        for (int32_t j = 0; j < list->in.topics[i].partitions_count; j++)
            start(list, list->in.topics[i].name, &list->in.topics[i].partitions[j],
                  &list->out.topics[i].partitions[j]);
    settle(list);
}
