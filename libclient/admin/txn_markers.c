/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions that hang are aborted by a mark written into their partition, as their
 * coordinator would have done (KIP-664). */
#include "libclient/admin/table.h"
#include "wire/gen/write_txn_markers.h"

/* ---- WriteTxnMarkers ----------------------------------------------------------------------*/

static bool mark_abort(const struct kc_admin_item *item, struct kb_arena *arena,
                       struct kw_write_txn_markers_request_marker *to)
{
    const kurier_open_transaction *from = item->with;
    kw_write_txn_markers_request_marker_init(to);
    to->producer_id = from->producer;
    to->producer_epoch = (int16_t)from->epoch;
    to->coordinator_epoch = from->coordinator_epoch;
    to->topics = kb_arena_array(arena, 1, sizeof *to->topics);
    if (!to->topics)
        return false;
    to->topics_count = 1;
    to->topics[0].name = kb_slice_str(item->name);
    to->topics[0].partition_indexes = (int32_t *)&item->partition;
    to->topics[0].partition_indexes_count = 1;
    return true;
}

static bool build_write_txn_markers(struct kc_admin_part *part, struct kb_arena *arena,
                                    struct kw_write_txn_markers_request *request, int16_t version)
{
    bool whole = true;
    (void)version;
    request->markers = kb_arena_array(arena, part->count + 1, sizeof *request->markers);
    for (size_t i = 0; whole && request->markers && i < part->count; i++)
        whole = mark_abort(part->items[i], arena, &request->markers[request->markers_count++]);
    return whole;
}

/* Not more than one of each partition is asked for at a time. */
static int take_write_txn_markers(struct kc_admin_part *part, int16_t version,
                                  struct kw_reader *body, struct kb_error *err)
{
    struct kw_write_txn_markers_response response;
    struct kb_arena arena;
    int code = 0;
    kb_arena_init(&arena, KC_ADMIN_ARENA_BYTES);
    if (!kw_write_txn_markers_response_decode(body, version, &arena, &response))
        code = kc_admin_unreadable(part, body, err);
    for (int32_t i = 0; !code && i < response.markers_count; i++)
        for (int32_t k = 0; k < response.markers[i].topics_count; k++) {
            const struct kw_write_txn_markers_response_topic *topic =
                &response.markers[i].topics[k];
            for (int32_t p = 0; p < topic->partitions_count; p++)
                kc_admin_answer(part, topic->name, topic->partitions[p].partition_index,
                                topic->partitions[p].error_code, kb_slice_null());
        }
    code = kc_admin_taken(part, code, err);
    kb_arena_deinit(&arena);
    return code;
}

KC_ADMIN_ENCODE(write_txn_markers)

static const struct kc_admin_api abort_transactions = {
    .name = "abort_transactions",
    .since = "2.8",
    .kind = KURIER_ITEM,
    .key = KW_API_WRITE_TXN_MARKERS,
    .min_version = 1,
    .max_version = 2,
    .route = KC_ROUTE_LEADERS,
    .encode = encode_write_txn_markers,
    .take = take_write_txn_markers,
    .retry = {KB_E_UNKNOWN_TOPIC_OR_PARTITION, KB_E_BROKER_NOT_AVAILABLE},
};

kurier_request *kurier_admin_abort_transactions(const kurier_open_transaction *transactions,
                                                size_t n)
{
    kurier_request *request = kc_request_new(&abort_transactions, n);
    for (size_t i = 0; request && i < n; i++) {
        const kurier_open_transaction *from = &transactions[i];
        kc_request_item(request, i, from->topic, from->partition)->with =
            kc_request_copy(request, from, sizeof *from);
        if (from->partition < 0)
            kc_request_refuse(request, "number %zu is of partition %d", i, from->partition);
        if (from->producer < 0 || from->epoch < 0 || from->epoch > INT16_MAX ||
            from->coordinator_epoch < 0)
            kc_request_refuse(request,
                              "number %zu is of producer %lld, epoch %d, coordinator epoch %d", i,
                              (long long)from->producer, from->epoch, from->coordinator_epoch);
    }
    return kc_request_whole(request);
}

/* ---- By where they begin -----------------------------------------------------------------*/

static const kurier_producer_state *who_began(const kurier_producers_info *info, int64_t offset)
{
    for (uint32_t i = 0; i < info->producer_count; i++)
        if (info->producers[i].transaction_start == offset)
            return &info->producers[i];
    return NULL;
}

static void mark(struct kc_admin *admin, struct kc_admin_item *item)
{
    const union kc_admin_info *info = kc_admin_info(admin, item);
    const kurier_producer_state *found =
        info->item.code ? NULL : who_began(&info->producers, item->number);
    if (!info->item.code && !found)
        kc_admin_settle(admin, item, KB_E_INVALID_TXN_STATE,
                        "no open transaction begins at this offset", false);
    if (!found)
        return;
    const kurier_open_transaction open = {.producer = found->id,
                                          .epoch = found->epoch,
                                          .coordinator_epoch = KB_MAX(found->coordinator_epoch, 0)};
    item->with = kc_request_copy(admin->request, &open, sizeof open);
}

static bool is_found(struct kc_admin *admin)
{
    for (size_t i = 0; i < admin->request->count; i++)
        mark(admin, &admin->request->items[i]);
    kc_admin_go_on_with(admin, &abort_transactions);
    if (admin->request->arena.failed)
        kb_error_set(&admin->err, KB_E_NO_MEMORY, "out of memory");
    return !admin->request->arena.failed;
}

kurier_request *kurier_admin_abort_transactions_at(const kurier_position *starts, size_t n)
{
    kurier_request *request = kurier_admin_describe_producers(starts, n);
    for (size_t i = 0; request && i < request->count; i++)
        if (request->items[i].number < 0)
            kc_request_refuse(request, "number %zu is at offset %lld", i,
                              (long long)request->items[i].number);
    if (request)
        request->follow = is_found;
    return request;
}
