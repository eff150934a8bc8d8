/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions that hang: partitions say which are open and whose they are, brokers to
 * which transactional ids these producers belong, and coordinators what they know of
 * these. What nobody knows of, or not in that partition, hangs.
 */
#include "libclient/admin/table.h"

enum { OF_PARTITIONS, OF_BROKERS, OF_COORDINATORS }; /* the stages */

struct open {
    const kurier_producers_info *where;
    const kurier_producer_state *state;
};

/* Of the first request. */
struct hunt {
    int64_t older_than_ms;
    struct open *opens; /* by item */
    size_t count;
};

static const struct hunt *hunt_of(const struct kc_admin *admin)
{
    return admin->before[OF_PARTITIONS].request->with;
}

/* What came of a stage; NULL: it was left out, as there was nothing to ask. */
static const kurier_result *stage(const struct kc_admin *admin, size_t which)
{
    return which < admin->stages ? admin->before[which].result : NULL;
}

static bool is_out_of_memory(struct kc_admin *admin)
{
    kb_error_set(&admin->err, KB_E_NO_MEMORY, "out of memory");
    return false;
}

/* ---- What is found ------------------------------------------------------------------------*/

static const kurier_transaction_info *find_listed(const kurier_result *listed, int64_t producer)
{
    for (size_t i = 0; listed && i < listed->count; i++)
        if (listed->infos[i].transaction.producer == producer)
            return &listed->infos[i].transaction;
    return NULL;
}

static const kurier_transaction_info *find_described(const kurier_result *described,
                                                     const char *name)
{
    for (size_t i = 0; described && i < described->count; i++)
        if (!strcmp(described->infos[i].item.name, name))
            return &described->infos[i].transaction;
    return NULL;
}

static bool is_in(const kurier_transaction_info *about, const kurier_producers_info *where)
{
    for (uint32_t i = 0; i < about->partition_count; i++)
        if (about->partitions[i].partition == where->partition &&
            !strcmp(about->partitions[i].topic, where->name))
            return true;
    return false;
}

static void add_hanging(kurier_result *result, const struct open *open,
                        const kurier_transaction_info *listed)
{
    union kc_admin_info *info =
        kc_result_add(result, kb_slice_str(open->where->name), open->where->partition);
    if (!info)
        return;
    info->hanging.producer = open->state->id;
    info->hanging.epoch = open->state->epoch;
    info->hanging.coordinator_epoch = open->state->coordinator_epoch;
    info->hanging.start_offset = open->state->transaction_start;
    info->hanging.last_timestamp_ms = open->state->last_timestamp_ms;
    if (listed)
        info->hanging.transactional_id =
            kb_arena_strdup(&result->arena, kb_slice_str(listed->name));
}

/* That could not be looked at, or whose coordinator did not tell. */
static void add_failed(kurier_result *result, const kurier_producers_info *where, int code,
                       const char *text)
{
    union kc_admin_info *info = kc_result_add(result, kb_slice_str(where->name), where->partition);
    if (info)
        kc_result_set_outcome(result, info, code, kb_slice_str(text));
}

static void judge(const struct kc_admin *admin, const struct open *open)
{
    const kurier_transaction_info *listed = find_listed(stage(admin, OF_BROKERS), open->state->id);
    const kurier_transaction_info *about =
        listed ? find_described(stage(admin, OF_COORDINATORS), listed->name) : NULL;
    bool is_known = about && (int)about->code != KB_E_TRANSACTIONAL_ID_NOT_FOUND;
    if (is_known && about->code)
        add_failed(admin->result, open->where, (int)about->code, about->text);
    else if (!is_known || about->producer != open->state->id || !is_in(about, open->where))
        add_hanging(admin->result, open, listed);
}

/* All is known: the last in the chain. */
static bool conclude(struct kc_admin *admin)
{
    static const struct kc_admin_api hanging = {.name = "find_hanging",
                                                .kind = KURIER_ITEM_HANGING};
    if (!kc_admin_conclude(admin, &hanging))
        return false;
    const kurier_result *looked = stage(admin, OF_PARTITIONS);
    const struct hunt *hunt = hunt_of(admin);
    for (size_t i = 0; i < looked->count; i++)
        if (looked->infos[i].item.code)
            add_failed(admin->result, &looked->infos[i].producers, (int)looked->infos[i].item.code,
                       looked->infos[i].item.text);
    for (size_t i = 0; i < hunt->count; i++)
        judge(admin, &hunt->opens[i]);
    if (admin->result->arena.failed)
        return is_out_of_memory(admin);
    kc_result_sort(admin->result, false);
    return false;
}

/* ---- The chain ----------------------------------------------------------------------------*/

static bool go_on(struct kc_admin *admin, kurier_request *request,
                  bool (*follow)(struct kc_admin *admin))
{
    if (request)
        request->follow = follow;
    return kc_admin_go_on(admin, request);
}

/* Producers have names: their coordinators are asked. */
static bool are_listed(struct kc_admin *admin)
{
    const kurier_result *listed = admin->result;
    const char **names = kb_arena_array(&admin->request->arena, listed->count + 1, sizeof *names);
    if (!names)
        return is_out_of_memory(admin);
    for (size_t i = 0; i < listed->count; i++)
        names[i] = listed->infos[i].item.name;
    if (!listed->count)
        return conclude(admin);
    return go_on(admin, kurier_admin_describe_transactions(names, listed->count), conclude);
}

/* False: no memory. */
static bool note_open(struct kc_admin *admin, struct hunt *hunt)
{
    const kurier_result *looked = admin->result;
    int64_t now_ms = kn_loop_now(kc_client_loop(admin->call.client)).wall_ms;
    size_t most = 0;
    for (size_t i = 0; i < looked->count; i++)
        most += looked->infos[i].item.code ? 0 : looked->infos[i].producers.producer_count;
    hunt->opens = kb_arena_array(&admin->request->arena, most + 1, sizeof *hunt->opens);
    for (size_t i = 0; hunt->opens && i < looked->count; i++) {
        const kurier_producers_info *where = &looked->infos[i].producers;
        for (uint32_t k = 0; !where->code && k < where->producer_count; k++)
            if (where->producers[k].transaction_start >= 0 &&
                now_ms - where->producers[k].last_timestamp_ms >= hunt->older_than_ms)
                hunt->opens[hunt->count++] = (struct open){where, &where->producers[k]};
    }
    return hunt->opens != NULL;
}

/* Partitions have told what is open. */
static bool are_looked_at(struct kc_admin *admin)
{
    struct hunt *hunt = (struct hunt *)admin->request->with;
    if (!note_open(admin, hunt))
        return is_out_of_memory(admin);
    int64_t *producers = kb_arena_array(&admin->request->arena, hunt->count + 1, sizeof *producers);
    if (!producers)
        return is_out_of_memory(admin);
    for (size_t i = 0; i < hunt->count; i++)
        producers[i] = hunt->opens[i].state->id;
    if (!hunt->count)
        return conclude(admin);
    const kurier_transaction_filter filter = {.producers = producers,
                                              .producer_count = hunt->count};
    return go_on(admin, kurier_admin_list_transactions(&filter), are_listed);
}

kurier_request *kurier_admin_find_hanging(const kurier_position *partitions, size_t n,
                                          int64_t older_than_ms)
{
    const struct hunt hunt = {.older_than_ms = older_than_ms};
    kurier_request *request = kurier_admin_describe_producers(partitions, n);
    if (!request)
        return NULL;
    if (older_than_ms < 0)
        kc_request_refuse(request, "%lld ms is no duration", (long long)older_than_ms);
    request->follow = are_looked_at;
    request->with = kc_request_copy(request, &hunt, sizeof hunt);
    return kc_request_whole(request);
}
