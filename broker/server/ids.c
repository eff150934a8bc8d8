/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/ids.h"
#include "base/codes.h"
#include "broker/meta/records.h"

static const char path[] = "/latest_producer_id_block";

void kd_ids_init(struct kd_ids *ids, int32_t node_id)
{
    *ids = (struct kd_ids){.node_id = node_id};
    kb_list_init(&ids->waiting);
}

static void answer(struct kd_ids *ids, int code)
{
    struct kb_list *link;
    while ((code || ids->next < ids->end) && (link = kb_list_pop_front(&ids->waiting))) {
        struct kd_id_wait *wait = KB_CONTAINER(link, struct kd_id_wait, link);
        wait->done(wait, code, code ? -1 : ids->next++);
    }
}

static void ask(struct kd_ids *ids);

static void on_written(void *ctx, const struct kd_meta_result *result)
{
    struct kd_ids *ids = ctx;
    ids->busy = false;
    bool raced = result->reason == KD_META_BAD_VERSION || result->reason == KD_META_EXISTS;
    if (result->outcome != KD_META_OK && !raced) {
        /* Where it is unknown whether the block is ours, it is left unused. */
        answer(ids, KB_E_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (result->outcome == KD_META_OK) {
        ids->next = ids->pending;
        ids->end = ids->pending + KD_ID_BLOCK;
        answer(ids, KB_OK);
    }
    if (!kb_list_empty(&ids->waiting))
        ask(ids);
}

static void on_read(void *ctx, const struct kd_meta_node *node)
{
    struct kd_ids *ids = ctx;
    int64_t last_end = -1;
    bool known = node->outcome == KD_META_OK;
    if (node->outcome == KD_META_UNKNOWN ||
        (known && !kd_record_block_read(node->data, &last_end))) {
        ids->busy = false;
        answer(ids, KB_E_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    char text[KD_BLOCK_TEXT];
    ids->pending = last_end + 1;
    struct kd_meta_op op = {
        .kind = known ? KD_META_SET : KD_META_CREATE,
        .path = path,
        .version = node->stat.version,
        .data = kd_record_block(text, ids->node_id, ids->pending, ids->pending + KD_ID_BLOCK - 1)};
    kd_meta_multi(ids->meta, &op, 1, on_written, ids);
}

static void ask(struct kd_ids *ids)
{
    ids->busy = true;
    kd_meta_get(ids->meta, path, NULL, on_read, ids);
}

void kd_ids_take(struct kd_ids *ids, struct kd_id_wait *wait)
{
    kb_list_push_back(&ids->waiting, &wait->link);
    answer(ids, KB_OK);
    if (!kb_list_empty(&ids->waiting) && !ids->busy)
        ask(ids);
}

void kd_ids_forget(struct kd_id_wait *wait)
{
    kb_list_remove(&wait->link);
}
