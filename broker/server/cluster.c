/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/cluster.h"
#include "base/mem.h"
#include "broker/drive/replica.h"
#include "broker/meta/ops.h"
#include "broker/meta/records.h"
#include "broker/server/image.h"
#include "broker/server/leading.h"
#include <stdio.h>
#include <stdlib.h>

static void finish(struct kd_cluster *cluster)
{
    kb_free(cluster->places);
    cluster->places = NULL;
    cluster->done(cluster->ctx, &cluster->err);
}

/* A write that did not happen: why. */
static void fail_write(struct kd_cluster *cluster, const struct kd_meta_result *result,
                       const char *what)
{
    bool full = result->reason == KD_META_NO_SPACE;
    kb_error_set(&cluster->err, full ? KB_E_DISK : KB_E_STATE, "%s: %s", what,
                 result->outcome == KD_META_UNKNOWN ? "the metadata store failed; the log says why"
                                                    : kd_meta_reason_text(result->reason));
    finish(cluster);
}

static void fail(struct kd_cluster *cluster, int code, const char *what)
{
    kb_error_set(&cluster->err, code, "%s", what);
    finish(cluster);
}

/* ---- Lead --------------------------------------------------------------- */

static void on_led(void *ctx, int code)
{
    struct kd_cluster *cluster = ctx;
    int problem = kd_disk_last_errno(cluster->shard->disk);
    if (code && problem)
        kb_error_errno(&cluster->err, code, problem, "cannot lead the partitions");
    else if (code)
        kb_error_set(&cluster->err, code, "cannot lead the partitions: %s", kb_code_text(code));
    finish(cluster);
}

static size_t collect_places(struct kd_cluster *cluster)
{
    const struct kd_topics *topics = &cluster->shard->topics;
    size_t count = kd_topics_place_count(topics), at = 0;
    cluster->places = KB_NEW_ARRAY(struct kd_place *, count + 1);
    if (!cluster->places)
        return SIZE_MAX;
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t))
        for (int32_t i = 0; i < t->count; i++)
            cluster->places[at++] = t->places[i];
    return count;
}

static size_t place_count(const struct kd_cluster *cluster)
{
    size_t count = 0;
    while (cluster->places[count])
        count++;
    return count;
}

static void lead(struct kd_cluster *cluster)
{
    kd_lead(cluster->shard, cluster->places, place_count(cluster), on_led, cluster);
}

/* ---- Bump --------------------------------------------------------------- */

static void on_bumped(void *ctx, const struct kd_meta_result *result)
{
    struct kd_cluster *cluster = ctx;
    if (result->outcome != KD_META_OK) {
        fail_write(cluster, result, "cannot raise the leader epochs");
        return;
    }
    for (struct kd_place **place = cluster->places; *place; place++)
        (*place)->state_version++;
    lead(cluster);
}

static void bump_place(struct kd_cluster *cluster, struct kd_ops *ops, struct kd_place *place)
{
    place->leader_epoch++;
    struct kd_state_record state = {place->leader, place->leader_epoch,
                                    cluster->shard->controller_epoch, place->isr, place->isr_count};
    char *text = kd_record_state(&state);
    ops->arena.failed |= !text;
    kd_ops_set(ops, text, place->state_version, "/brokers/topics/%s/partitions/%d/state",
               place->topic->name, place->index);
    kd_record_free(text);
}

static void bump(struct kd_cluster *cluster)
{
    struct kd_ops ops;
    size_t count = collect_places(cluster);
    if (count == SIZE_MAX) {
        fail(cluster, KB_E_NO_MEMORY, "out of memory");
        return;
    }
    if (count == 0 || kd_disk_was_clean(cluster->shard->disk)) {
        lead(cluster);
        return;
    }
    kd_ops_init(&ops, (int)count + 1);
    kd_ops_check(&ops, cluster->shard->controller_version, "/controller_epoch");
    for (size_t i = 0; i < count; i++)
        bump_place(cluster, &ops, cluster->places[i]);
    if (kd_ops_ok(&ops))
        kd_meta_multi(cluster->shard->meta, ops.ops, ops.count, on_bumped, cluster);
    else
        fail(cluster, KB_E_NO_MEMORY, "out of memory");
    kd_ops_deinit(&ops);
}

/* ---- Load --------------------------------------------------------------- */

static void on_settled(void *ctx, int code)
{
    struct kd_cluster *cluster = ctx;
    if (code)
        fail(cluster, code, "logs of unknown topics cannot be set aside");
    else
        bump(cluster);
}

static void on_loaded(void *ctx, const struct kb_error *err)
{
    struct kd_cluster *cluster = ctx;
    if (err->code) {
        cluster->err = *err;
        finish(cluster);
        return;
    }
    kd_image_settle(cluster->shard, on_settled, cluster);
}

static void on_featured(void *ctx, const struct kb_error *err)
{
    struct kd_cluster *cluster = ctx;
    if (err->code)
        on_loaded(cluster, err);
    else
        kd_image_load(cluster->shard, on_loaded, cluster);
}

static void on_configured(void *ctx, const struct kb_error *err)
{
    struct kd_cluster *cluster = ctx;
    if (err->code)
        on_loaded(cluster, err);
    else
        kd_features_load(cluster->shard, on_featured, cluster);
}

/* ---- Elect -------------------------------------------------------------- */

static void on_elected(void *ctx, const struct kd_meta_result *result)
{
    struct kd_cluster *cluster = ctx;
    struct kd_shard *shard = cluster->shard;
    if (result->outcome != KD_META_OK) {
        fail_write(cluster, result, "cannot become the controller");
        return;
    }
    shard->controller_version = result->changes[1].version;
    KB_LOG(shard->log, KB_LOG_INFO, "cluster", "elected controller epoch=%d",
           shard->controller_epoch);
    kd_configs_load(shard, on_configured, cluster);
}

static void on_epoch(void *ctx, const struct kd_meta_node *node)
{
    struct kd_cluster *cluster = ctx;
    struct kd_shard *shard = cluster->shard;
    struct kd_ops ops;
    char text[16];
    if (node->outcome != KD_META_OK || node->data.size >= sizeof text) {
        fail(cluster, KB_E_CORRUPT, "the metadata store has no controller epoch");
        return;
    }
    memcpy(text, node->data.data, node->data.size);
    text[node->data.size] = 0;
    shard->controller_epoch = atoi(text) + 1;
    snprintf(text, sizeof text, "%d", shard->controller_epoch);
    char *record = kd_record_controller(shard->config->node_id, kn_loop_now(shard->loop).wall_ms);
    kd_ops_init(&ops, 2);
    ops.arena.failed |= !record;
    kd_ops_create(&ops, record, KD_META_EPHEMERAL, "/controller");
    kd_ops_set(&ops, text, node->stat.version, "/controller_epoch");
    kd_record_free(record);
    if (kd_ops_ok(&ops))
        kd_meta_multi(shard->meta, ops.ops, ops.count, on_elected, cluster);
    else
        fail(cluster, KB_E_NO_MEMORY, "out of memory");
    kd_ops_deinit(&ops);
}

static void elect(struct kd_cluster *cluster)
{
    kd_meta_get(cluster->shard->meta, "/controller_epoch", NULL, on_epoch, cluster);
}

/* ---- Format ------------------------------------------------------------- */

static const char *const folders[] = {
    "/admin",          "/admin/delete_topics", "/brokers",
    "/brokers/ids",    "/brokers/topics",      "/cluster",
    "/config",         "/config/brokers",      "/config/changes",
    "/config/clients", "/config/groups",       "/config/ips",
    "/config/topics",  "/config/users",        "/isr_change_notification",
};

static void on_formatted(void *ctx, const struct kd_meta_result *result)
{
    struct kd_cluster *cluster = ctx;
    if (result->outcome == KD_META_OK)
        elect(cluster);
    else
        fail_write(cluster, result, "cannot write the metadata store");
}

static void count_log(void *ctx, struct kd_replica *replica)
{
    (void)replica;
    ++*(size_t *)ctx;
}

static void format(struct kd_cluster *cluster)
{
    struct kd_ops ops;
    size_t logs = 0;
    kd_disk_each(cluster->shard->disk, count_log, &logs);
    if (logs) {
        fail(cluster, KB_E_CORRUPT,
             "there are logs, but the metadata store (kurier-meta) is missing or empty; "
             "bring it back, or move the logs away");
        return;
    }
    char *id = kd_record_cluster(cluster->shard->cluster_id);
    kd_ops_init(&ops, (int)KB_ARRAY_SIZE(folders) + 2);
    ops.arena.failed |= !id;
    for (size_t i = 0; i < KB_ARRAY_SIZE(folders); i++)
        kd_ops_create(&ops, NULL, 0, "%s", folders[i]);
    kd_ops_create(&ops, id, 0, "/cluster/id");
    kd_ops_create(&ops, "0", 0, "/controller_epoch");
    kd_record_free(id);
    if (kd_ops_ok(&ops))
        kd_meta_multi(cluster->shard->meta, ops.ops, ops.count, on_formatted, cluster);
    else
        fail(cluster, KB_E_NO_MEMORY, "out of memory");
    kd_ops_deinit(&ops);
}

static void on_cluster_id(void *ctx, const struct kd_meta_node *node)
{
    struct kd_cluster *cluster = ctx;
    char id[sizeof cluster->shard->cluster_id];
    if (node->outcome == KD_META_UNKNOWN)
        fail(cluster, KB_E_DISK, "cannot read the metadata store");
    else if (node->outcome == KD_META_CONFLICT)
        format(cluster);
    else if (!kd_record_cluster_read(node->data, id, sizeof id))
        fail(cluster, KB_E_CORRUPT, "the metadata store's cluster id cannot be read");
    else if (strcmp(id, cluster->shard->cluster_id) != 0)
        fail(cluster, KB_E_STATE, "the metadata store is of another cluster than meta.properties");
    else
        elect(cluster);
}

void kd_cluster_join(struct kd_cluster *cluster, struct kd_shard *shard, kd_cluster_fn *done,
                     void *ctx)
{
    *cluster = (struct kd_cluster){.shard = shard, .done = done, .ctx = ctx};
    kb_error_clear(&cluster->err);
    kd_meta_get(shard->meta, "/cluster/id", NULL, on_cluster_id, cluster);
}

/* ---- Register ----------------------------------------------------------- */

static void on_registered(void *ctx, const struct kd_meta_result *result)
{
    struct kd_cluster *cluster = ctx;
    if (result->outcome == KD_META_OK)
        finish(cluster);
    else
        fail_write(cluster, result, "cannot register");
}

void kd_cluster_register(struct kd_cluster *cluster, kd_cluster_fn *done, void *ctx)
{
    struct kd_shard *shard = cluster->shard;
    struct kd_ops ops;
    char endpoints[1024];
    const struct kd_listener_spec *spec = &shard->listeners.specs[0];
    kd_listeners_format(&shard->listeners, endpoints, sizeof endpoints);
    struct kd_broker_record record = {.listener = spec->name,
                                      .host = spec->told.host,
                                      .port = spec->told.port,
                                      .endpoints = endpoints,
                                      .rack = shard->config->rack,
                                      .wall_ms = kn_loop_now(shard->loop).wall_ms};
    char *text = kd_record_broker(&record);
    cluster->done = done;
    cluster->ctx = ctx;
    kd_ops_init(&ops, 1);
    ops.arena.failed |= !text;
    kd_ops_create(&ops, text, KD_META_EPHEMERAL, "/brokers/ids/%d", shard->config->node_id);
    kd_record_free(text);
    if (kd_ops_ok(&ops))
        kd_meta_multi(shard->meta, ops.ops, ops.count, on_registered, cluster);
    else
        fail(cluster, KB_E_NO_MEMORY, "out of memory");
    kd_ops_deinit(&ops);
}
