/* SPDX-License-Identifier: Apache-2.0 */
/* Answers find their items; what they say becomes infos of the result. */
#include "base/check.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "libclient/admin/table.h"
#include <stdlib.h>

/* ---- Infos ----------------------------------------------------------------------------*/

/* What is not told. */
static const union kc_admin_info blank[] = {
    [KURIER_ITEM] = {.item = {.partition = -1}},
    [KURIER_ITEM_TOPIC] = {.topic = {.partition = -1, .replication = -1, .partition_count = -1}},
    [KURIER_ITEM_OFFSET] = {.offset = {.partition = -1,
                                       .offset = -1,
                                       .timestamp_ms = -1,
                                       .leader_epoch = -1,
                                       .leader = -1}},
    [KURIER_ITEM_RESOURCE] = {.resource = {.partition = -1}},
    [KURIER_ITEM_CLUSTER] = {.cluster = {.partition = -1, .controller = -1}},
    [KURIER_ITEM_LOG_DIRS] = {.log_dirs = {.partition = -1, .node = -1}},
    [KURIER_ITEM_REASSIGNMENT] = {.reassignment = {.partition = -1}},
    [KURIER_ITEM_PRODUCERS] = {.producers = {.partition = -1, .leader = -1}},
    [KURIER_ITEM_VERSIONS] = {.versions = {.partition = -1, .node = -1, .features_epoch = -1}},
    [KURIER_ITEM_GROUP] =
        {.group = {.partition = -1, .coordinator = -1, .epoch = -1, .assignment_epoch = -1}},
    [KURIER_ITEM_GROUP_OFFSETS] = {.group_offsets = {.partition = -1}},
    [KURIER_ITEM_TRANSACTION] = {.transaction = {.partition = -1,
                                                 .producer = -1,
                                                 .start_ms = -1,
                                                 .epoch = -1,
                                                 .timeout_ms = -1,
                                                 .coordinator = -1}},
    [KURIER_ITEM_HANGING] = {.hanging = {.producer = -1,
                                         .start_offset = -1,
                                         .last_timestamp_ms = -1,
                                         .epoch = -1,
                                         .coordinator_epoch = -1}},
};

/* Every info begins as kurier_item does. */
#define SAME_HEAD(type)                                                                            \
    _Static_assert(offsetof(type, name) == offsetof(kurier_item, name) &&                          \
                       offsetof(type, text) == offsetof(kurier_item, text) &&                      \
                       offsetof(type, code) == offsetof(kurier_item, code) &&                      \
                       offsetof(type, partition) == offsetof(kurier_item, partition),              \
                   #type)
SAME_HEAD(kurier_topic_info);
SAME_HEAD(kurier_offset_info);
SAME_HEAD(kurier_resource_info);
SAME_HEAD(kurier_cluster_info);
SAME_HEAD(kurier_log_dirs_info);
SAME_HEAD(kurier_reassignment_info);
SAME_HEAD(kurier_producers_info);
SAME_HEAD(kurier_versions_info);
SAME_HEAD(kurier_group_info);
SAME_HEAD(kurier_group_offsets_info);
SAME_HEAD(kurier_transaction_info);
SAME_HEAD(kurier_hanging_info);

static void begin_info(kurier_result *result, union kc_admin_info *info, struct kb_slice name,
                       int32_t partition)
{
    *info = blank[result->kind];
    info->item.name = kb_arena_strdup(&result->arena, name);
    info->item.partition = partition;
}

enum { RESULT_BYTES = 256 << 20 };

kurier_result *kc_result_new(const kurier_request *request)
{
    kurier_result *result = KB_NEW(kurier_result);
    if (!result)
        return NULL;
    kb_list_init(&result->node);
    kb_arena_init(&result->arena, RESULT_BYTES);
    kb_error_clear(&result->err);
    if (kc_result_begin(result, request))
        return result;
    kc_result_free(result);
    return NULL;
}

bool kc_result_begin(kurier_result *result, const kurier_request *request)
{
    result->kind = request->api->kind;
    result->count = result->capacity = request->count;
    kb_free(result->infos);
    result->infos = KB_NEW_ARRAY(union kc_admin_info, request->count + 1);
    for (size_t i = 0; result->infos && i < request->count; i++) {
        const struct kc_admin_item *item = &request->items[i];
        begin_info(result, &result->infos[i], kb_slice_str(item->name), item->partition);
        if (request->api->start)
            request->api->start(item, &result->infos[i]);
    }
    return result->infos && !result->arena.failed;
}

union kc_admin_info *kc_admin_info(struct kc_admin *admin, const struct kc_admin_item *item)
{
    return &admin->result->infos[item - admin->request->items];
}

union kc_admin_info *kc_result_add(kurier_result *result, struct kb_slice name, int32_t partition)
{
    if (result->count == result->capacity) {
        size_t capacity = KB_MAX(result->capacity * 2, (size_t)16);
        union kc_admin_info *infos = kb_realloc(result->infos, capacity * sizeof *infos);
        if (!infos) {
            result->arena.failed = true;
            return NULL;
        }
        result->infos = infos;
        result->capacity = capacity;
    }
    union kc_admin_info *info = &result->infos[result->count++];
    begin_info(result, info, name, partition);
    return info;
}

static int by_name_and_partition(const void *a, const void *b)
{
    const union kc_admin_info *x = a, *y = b;
    int order = strcmp(x->item.name, y->item.name);
    return order
               ? order
               : (x->item.partition > y->item.partition) - (x->item.partition < y->item.partition);
}

void kc_result_sort(kurier_result *result, bool distinct)
{
    union kc_admin_info *infos = result->infos;
    size_t count = 0;
    if (result->count)
        qsort(infos, result->count, sizeof *infos, by_name_and_partition);
    for (size_t i = 0; distinct && i < result->count; i++)
        if (!count || by_name_and_partition(&infos[count - 1], &infos[i]))
            infos[count++] = infos[i];
    if (distinct)
        result->count = count;
}

/* ---- Outcomes --------------------------------------------------------------------------*/

/* By the route of what was asked. */
static const int16_t of_leaders[] = {
    KB_E_NOT_LEADER_OR_FOLLOWER, KB_E_LEADER_NOT_AVAILABLE, KB_E_REPLICA_NOT_AVAILABLE,
    KB_E_FENCED_LEADER_EPOCH,    KB_E_UNKNOWN_LEADER_EPOCH, KB_E_KAFKA_STORAGE_ERROR,
};
static const int16_t of_controller[] = {KB_E_NOT_CONTROLLER, KB_E_REQUEST_TIMED_OUT};
static const int16_t of_coordinators[] = {KB_E_NOT_COORDINATOR, KB_E_COORDINATOR_LOAD_IN_PROGRESS,
                                          KB_E_COORDINATOR_NOT_AVAILABLE};
static const struct {
    int16_t route;
    const int16_t *codes;
    size_t count;
} healed[] = {
    {KC_ROUTE_LEADERS, of_leaders, KB_ARRAY_SIZE(of_leaders)},
    {KC_CONTROLLER, of_controller, KB_ARRAY_SIZE(of_controller)},
    {KC_ROUTE_GROUPS, of_coordinators, KB_ARRAY_SIZE(of_coordinators)},
    {KC_ROUTE_TXNS, of_coordinators, KB_ARRAY_SIZE(of_coordinators)},
    {KC_ROUTE_ALL, of_coordinators, KB_ARRAY_SIZE(of_coordinators)},
};

static bool has_code(const int16_t *codes, size_t count, int code)
{
    for (size_t i = 0; i < count && codes[i]; i++)
        if (codes[i] == code)
            return true;
    return false;
}

bool kc_admin_heals(const struct kc_admin_api *api, int code)
{
    if (code == KB_E_THROTTLING_QUOTA_EXCEEDED || has_code(api->retry, KC_ADMIN_RETRIES, code))
        return true;
    for (size_t i = 0; i < KB_ARRAY_SIZE(healed); i++)
        if (healed[i].route == api->route)
            return has_code(healed[i].codes, healed[i].count, code);
    return false;
}

void kc_result_set_outcome(kurier_result *result, union kc_admin_info *info, int code,
                           struct kb_slice text)
{
    info->item.code = (kurier_code)code;
    info->item.text = NULL;
    if (code)
        info->item.text = text.size ? kb_arena_strdup(&result->arena, text) : kb_code_text(code);
}

/* The broker did at once what an earlier try, whose answer was lost, may have done. */
static void tell_of_lost(const struct kc_admin *admin, const struct kc_admin_item *item,
                         union kc_admin_info *info)
{
    if (item->lost && info->item.code && (int)info->item.code == kc_admin_api(admin, item)->twice)
        info->item.text = "perhaps done by an earlier try of this request, whose answer was lost";
}

void kc_admin_settle(struct kc_admin *admin, struct kc_admin_item *item, int code, const char *text,
                     bool again)
{
    union kc_admin_info *info = kc_admin_info(admin, item);
    kc_result_set_outcome(admin->result, info, code, text ? kb_slice_str(text) : kb_slice_null());
    tell_of_lost(admin, item, info);
    item->done = !again;
    item->told = true;
    item->lost |= code == KB_E_REQUEST_TIMED_OUT;
    admin->again |= again;
    admin->heard = true;
}

void kc_admin_fail_items(struct kc_admin *admin, struct kc_admin_item **items, size_t count,
                         const struct kn_answer *answer)
{
    const struct kb_error *err = answer->err;
    for (size_t i = 0; i < count; i++) {
        bool again = (err->classes & KB_RETRIABLE) ||
                     kc_admin_heals(kc_admin_api(admin, items[i]), err->code);
        union kc_admin_info *info = kc_admin_info(admin, items[i]);
        kc_result_set_outcome(admin->result, info, err->code, kb_slice_str(err->text));
        items[i]->done = !again;
        items[i]->lost |= answer->sent;
        admin->again |= again;
    }
}

/* ---- Finding ----------------------------------------------------------------------------*/

int kc_admin_compare(const struct kc_admin_item *a, const struct kc_admin_item *b)
{
    int order = strcmp(a->name, b->name);
    return order ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static int by_node_and_name(const void *a, const void *b)
{
    const struct kc_admin_item *const *x = a, *const *y = b;
    int order = ((*x)->node > (*y)->node) - ((*x)->node < (*y)->node);
    if (!order)
        order = kc_admin_compare(*x, *y);
    return order ? order : (*x > *y) - (*x < *y); /* as asked */
}

static int by_node_and_turn(const void *a, const void *b)
{
    const struct kc_admin_item *const *x = a, *const *y = b;
    int order = ((*x)->node > (*y)->node) - ((*x)->node < (*y)->node);
    if (!order)
        order = (*x)->instead - (*y)->instead;
    if (!order)
        order = ((*x)->turn > (*y)->turn) - ((*x)->turn < (*y)->turn);
    return order ? order : by_node_and_name(a, b);
}

/* Two that are alike go in two requests: brokers refuse or merge them in one. */
static void take_turns(struct kc_admin *admin)
{
    struct kc_admin_item **left = admin->left;
    for (size_t i = 0; i < admin->left_count; i++) {
        bool alike =
            i > 0 && left[i]->node == left[i - 1]->node && !kc_admin_compare(left[i], left[i - 1]);
        left[i]->turn = alike && !admin->request->api->together ? left[i - 1]->turn + 1 : 0;
        if (admin->request->api->route == KC_ROUTE_BROKERS || admin->request->api->alone)
            left[i]->turn = (uint32_t)i;
    }
}

void kc_admin_sort_left(struct kc_admin *admin)
{
    if (!admin->left_count)
        return;
    qsort(admin->left, admin->left_count, sizeof *admin->left, by_node_and_name);
    take_turns(admin);
    qsort(admin->left, admin->left_count, sizeof *admin->left, by_node_and_turn);
}

/* The first item of that name and partition, or where it would stand. */
static size_t find(const struct kc_admin_part *part, struct kb_slice name, int32_t partition)
{
    size_t low = 0, high = part->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct kc_admin_item *item = part->items[middle];
        int order = kb_slice_compare(kb_slice_str(item->name), name);
        if (order < 0 || (order == 0 && item->partition < partition))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static union kc_admin_info *answer_item(struct kc_admin_part *part, struct kc_admin_item *item,
                                        int code, struct kb_slice text)
{
    struct kc_admin *admin = part->admin;
    union kc_admin_info *info = kc_admin_info(admin, item);
    const char *words = kc_admin_text(part, text.size ? text : kb_slice_null());
    kc_admin_settle(admin, item, code, words, kc_admin_heals(part->api, code));
    return code ? NULL : info;
}

static union kc_admin_info *answer_of_all(struct kc_admin_part *part, struct kb_slice name,
                                          int32_t partition, int code, struct kb_slice text)
{
    kurier_result *result = part->admin->result;
    union kc_admin_info *info = kc_result_add(result, name, partition);
    if (!info)
        return NULL;
    kc_result_set_outcome(result, info, code, text);
    part->admin->again |= kc_admin_heals(part->api, code);
    return code ? NULL : info;
}

union kc_admin_info *kc_admin_answer(struct kc_admin_part *part, struct kb_slice name,
                                     int32_t partition, int code, struct kb_slice text)
{
    union kc_admin_info *info = NULL;
    if (!part->items)
        return answer_of_all(part, name, partition, code, text);
    for (size_t i = find(part, name, partition); i < part->count; i++) {
        struct kc_admin_item *item = part->items[i];
        if (item->partition != partition || !kb_slice_is(name, item->name))
            break;
        info = answer_item(part, item, code, text);
    }
    return info;
}

union kc_admin_info *kc_admin_answer_only(struct kc_admin_part *part, int code,
                                          struct kb_slice text)
{
    KB_CHECK(part->count == 1);
    return answer_item(part, part->items[0], code, text);
}

void kc_admin_answer_rest(struct kc_admin_part *part, int code, const char *text)
{
    for (size_t i = 0; i < part->count; i++)
        if (!part->items[i]->told)
            kc_admin_settle(part->admin, part->items[i], code, text, false);
}

void kc_admin_answer_all(struct kc_admin_part *part, int code, struct kb_slice text)
{
    for (size_t i = 0; i < part->count; i++)
        if (!part->items[i]->told)
            answer_item(part, part->items[i], code, text);
}

void kc_admin_answer_instead(struct kc_admin_part *part, struct kb_slice name)
{
    for (size_t i = find(part, name, -1);
         i < part->count && kb_slice_is(name, part->items[i]->name); i++) {
        part->items[i]->instead = part->items[i]->told = true;
        part->admin->instead = true;
    }
}

/* ---- What rows read -----------------------------------------------------------------------*/

const char *kc_admin_text(struct kc_admin_part *part, struct kb_slice text)
{
    return text.data ? kb_arena_strdup(&part->admin->result->arena, text) : NULL;
}

const char *kc_admin_id_text(struct kc_admin_part *part, struct kb_uuid id)
{
    char text[KB_UUID_TEXT];
    if (kb_uuid_is_zero(id))
        return NULL;
    kb_uuid_format(id, text);
    return kc_admin_text(part, kb_slice_str(text));
}

void *kc_admin_array(struct kc_admin_part *part, int32_t from_count, size_t size, uint32_t *count)
{
    size_t wanted = (size_t)KB_MAX(from_count, 0);
    void *array = kb_arena_array(&part->admin->result->arena, wanted, size);
    *count = array ? (uint32_t)wanted : 0;
    return array;
}

const char *const *kc_admin_texts(struct kc_admin_part *part, const struct kb_slice *texts,
                                  int32_t from_count, uint32_t *count)
{
    const char **copies = kc_admin_array(part, from_count, sizeof *copies, count);
    for (uint32_t i = 0; i < *count; i++)
        copies[i] = kc_admin_text(part, texts[i]);
    return copies;
}

kurier_nodes kc_admin_nodes(struct kc_admin_part *part, const int32_t *nodes, int32_t count)
{
    kurier_nodes copy = {NULL, 0, 0};
    int32_t *ids = kc_admin_array(part, count, sizeof *ids, &copy.count);
    if (copy.count)
        memcpy(ids, nodes, copy.count * sizeof *ids);
    copy.ids = ids;
    return copy;
}

int kc_admin_refused(const struct kc_admin_part *part, int code, struct kb_slice text,
                     struct kb_error *err)
{
    if (text.size)
        return kb_error_set(err, code, "%s: %.*s", kw_api_name(part->api->key),
                            (int)KB_MIN(text.size, 200u), (const char *)text.data);
    return kb_error_set(err, code, "%s: %s", kw_api_name(part->api->key), kb_code_text(code));
}

void kc_admin_throttled(struct kc_admin_part *part, int32_t throttle_ms)
{
    kc_client_throttled(part->admin->call.client, part->ask.from, throttle_ms);
}

int kc_admin_unreadable(const struct kc_admin_part *part, const struct kw_reader *body,
                        struct kb_error *err)
{
    return kb_error_set(err, KB_E_PROTOCOL, "%s: an answer to %s that cannot be read: %s",
                        kc_link_name(part->ask.from), kw_api_name(part->api->key),
                        body->fault ? body->fault : "out of memory");
}

int kc_admin_taken(const struct kc_admin_part *part, int code, struct kb_error *err)
{
    if (part->admin->result->arena.failed)
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory for a result as large");
    return code;
}
