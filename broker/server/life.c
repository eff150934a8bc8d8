/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/life.h"
#include "broker/server/leading.h"
#include "broker/server/txn/join.h"
#include "broker/core/waiters.h"
#include "broker/drive/replica.h"
#include "broker/meta/embedded.h"
#include <stdio.h>

static void stop(struct kd_life *life);

/* ---- Stop --------------------------------------------------------------- */

static void end(struct kd_life *life)
{
    bool was_starting = life->starting;
    life->starting = life->stopping = false;
    if (was_starting)
        life->started(life, &life->err);
    else
        life->stopped(life);
}

static void on_meta_closed(void *ctx)
{
    struct kd_life *life = ctx;
    life->shard.meta = NULL;
    end(life);
}

static void close_meta(struct kd_life *life)
{
    if (life->shard.meta)
        life->shard.meta->ops->close(life->shard.meta, on_meta_closed, life);
    else
        end(life);
}

static void on_disk_closed(void *ctx)
{
    close_meta(ctx);
}

static void close_disk(struct kd_checkers *checkers)
{
    struct kd_life *life = KB_CONTAINER(checkers, struct kd_life, shard.checkers);
    if (life->disk_open)
        kd_disk_close(life->shard.disk);
    else
        close_meta(life);
    life->disk_open = false;
}

/* A connection may have gone while its batches are being checked: they are
 * still appended. */
static void close_server(struct kd_life *life)
{
    kn_timer_cancel(life->shard.loop, &life->deadline);
    kn_timer_cancel(life->shard.loop, &life->upkeep);
    kd_lead_cancel(&life->shard);
    if (life->server_open)
        kd_server_deinit(&life->server);
    life->server_open = false;
    kd_coordinator_topic_close(&life->txns.topic); /* its markers are on their way to groups */
    kd_coordinator_topic_close(&life->groups.topic);
    kd_checkers_drain(&life->shard.checkers, close_disk);
}

static void on_drained(struct kd_server *server)
{
    struct kd_life *life = KB_CONTAINER(server, struct kd_life, server);
    kn_task_soon(life->shard.loop, &life->drained);
}

static void after_drain(struct kn_task *task)
{
    close_server(KB_CONTAINER(task, struct kd_life, drained));
}

static void on_deadline(struct kn_timer *timer)
{
    struct kd_life *life = KB_CONTAINER(timer, struct kd_life, deadline);
    KB_LOG(life->shard.log, KB_LOG_WARN, "broker", "connections dropped count=%d",
           life->server.link_count);
    kn_task_cancel(&life->drained);
    close_server(life);
}

static void stop(struct kd_life *life)
{
    struct kd_shard *shard = &life->shard;
    if (life->stopping || life->halted)
        return;
    life->stopping = shard->stopping = true;
    if (!life->server_open) {
        close_server(life);
        return;
    }
    int64_t deadline = kb_deadline(kn_loop_now(shard->loop), KD_STOP_MS);
    kn_timer_set(shard->loop, &life->deadline, deadline);
    kd_server_close(&life->server, deadline, on_drained);
}

void kd_life_stop(struct kd_life *life)
{
    if (life->starting)
        life->stop_wanted = true;
    else
        stop(life);
}

/* ---- Start -------------------------------------------------------------- */

static void fail(struct kd_life *life, const struct kb_error *err)
{
    life->err = *err;
    stop(life);
}

static void fail_memory(struct kd_life *life)
{
    struct kb_error err;
    kb_error_set(&err, KB_E_NO_MEMORY, "out of memory");
    fail(life, &err);
}

/* Was a stop asked for meanwhile? Then the start ends as one that failed. */
static bool cut_short(struct kd_life *life)
{
    struct kb_error err;
    if (!life->stop_wanted || life->halted)
        return life->halted;
    kb_error_set(&err, KB_E_CLOSED, "stopped while it was starting");
    fail(life, &err);
    return true;
}

static void expire_producers(void *ctx, struct kd_replica *replica)
{
    const int64_t *seen_before_ms = ctx;
    kd_replica_expire_producers(replica, *seen_before_ms);
}

static void on_upkeep(struct kn_timer *timer)
{
    struct kd_life *life = KB_CONTAINER(timer, struct kd_life, upkeep);
    struct kd_shard *shard = &life->shard;
    struct kb_time now = kn_loop_now(shard->loop);
    int64_t seen_before_ms = now.wall_ms - shard->config->producer_id_expiration_ms;
    kd_disk_each(shard->disk, expire_producers, &seen_before_ms);
    kn_timer_set(shard->loop, timer, kb_deadline(now, KD_UPKEEP_MS));
}

static void on_registered(void *ctx, const struct kb_error *err)
{
    struct kd_life *life = ctx;
    if (err->code) {
        fail(life, err);
        return;
    }
    if (cut_short(life))
        return;
    life->starting = false;
    on_upkeep(&life->upkeep);
    life->started(life, err);
}

static void on_joined(void *ctx, const struct kb_error *err)
{
    struct kd_life *life = ctx;
    struct kb_error why;
    kb_error_clear(&why);
    if (err->code) {
        fail(life, err);
        return;
    }
    if (cut_short(life))
        return;
    kd_coordinator_topic_open(&life->groups.topic);
    kd_coordinator_topic_open(&life->txns.topic);
    life->server_open = true;
    if (kd_server_open(&life->server, &why))
        fail(life, &why);
    else
        kd_cluster_register(&life->cluster, on_registered, life);
}

static void on_meta_opened(void *ctx, struct kd_meta *meta, const struct kb_error *err)
{
    struct kd_life *life = ctx;
    if (err->code) {
        fail(life, err);
        return;
    }
    life->shard.meta = life->shard.ids.meta = meta;
    if (life->halted)
        meta->ops->halt(meta);
    else
        kd_cluster_join(&life->cluster, &life->shard, on_joined, life);
}

static void on_disk_failed(void *ctx, const struct kb_error *err)
{
    struct kd_life *life = ctx;
    KB_LOG(life->shard.log, KB_LOG_ERROR, "broker", "the disk failed reason=\"%s\"", err->text);
    life->failed(life, err);
}

static void open_meta(struct kd_life *life)
{
    struct kd_shard *shard = &life->shard;
    struct kd_embedded_options options = {.loop = shard->loop,
                                          .exec = shard->exec,
                                          .fs = shard->fs,
                                          .log = shard->log,
                                          .dir = "kurier-meta",
                                          .seed = kb_random_next(&shard->random),
                                          .failed = on_disk_failed,
                                          .ctx = life};
    if (!kd_embedded_open(&options, on_meta_opened, life))
        fail_memory(life);
}

static void on_cluster_id(void *ctx, int code)
{
    struct kd_life *life = ctx;
    struct kb_error err;
    if (!code) {
        if (!life->halted)
            open_meta(life);
        return;
    }
    kb_error_errno(&err, code, kd_disk_last_errno(life->shard.disk),
                   "cannot write meta.properties");
    fail(life, &err);
}

/* A directory that is new belongs to the cluster that is named, or to one that
 * begins here. */
static void choose_cluster_id(struct kd_life *life)
{
    struct kd_shard *shard = &life->shard;
    const char *known = kd_disk_cluster_id(shard->disk);
    if (*known) {
        snprintf(shard->cluster_id, sizeof shard->cluster_id, "%s", known);
        open_meta(life);
        return;
    }
    if (shard->config->cluster_id)
        snprintf(shard->cluster_id, sizeof shard->cluster_id, "%s", shard->config->cluster_id);
    else
        kb_uuid_format(kb_uuid_random(&shard->random), shard->cluster_id);
    kd_disk_set_cluster_id(shard->disk, shard->cluster_id, on_cluster_id, life);
}

static void on_disk_opened(void *ctx, const struct kb_error *err)
{
    struct kd_life *life = ctx;
    life->disk_open = !err->code;
    if (err->code)
        fail(life, err);
    else if (!cut_short(life))
        choose_cluster_id(life);
}

static void on_advanced(void *ctx, struct kd_replica *replica)
{
    struct kd_place *place = kd_replica_owner(replica);
    (void)ctx;
    if (place)
        kd_waiters_wake(&place->waiting);
}

static void on_offline(void *ctx, struct kd_replica *replica, const struct kb_error *err)
{
    struct kd_life *life = ctx;
    KB_LOG(life->shard.log, KB_LOG_ERROR, "broker",
           "partition offline topic=%s partition=%d reason=\"%s\"", kd_replica_topic(replica),
           kd_replica_partition(replica), err->text);
    on_advanced(life, replica);
}

static const struct kd_disk_events disk_events = {.opened = on_disk_opened,
                                                  .closed = on_disk_closed,
                                                  .failed = on_disk_failed,
                                                  .advanced = on_advanced,
                                                  .offline = on_offline};

static struct kd_disk *disk_new(struct kd_life *life)
{
    struct kd_shard *shard = &life->shard;
    struct kd_disk_options options = {.fs = shard->fs,
                                      .exec = shard->exec,
                                      .loop = shard->loop,
                                      .log = shard->log,
                                      .seed = kb_random_next(&shard->random),
                                      .cluster_id = shard->config->cluster_id,
                                      .node_id = shard->config->node_id,
                                      .retention_check_ms = shard->config->retention_check_ms,
                                      .events = disk_events,
                                      .ctx = life};
    return kd_disk_new(&options);
}

void kd_life_start(struct kd_life *life, uint64_t seed)
{
    struct kd_shard *shard = &life->shard;
    kb_error_clear(&life->err);
    kb_random_seed(&shard->random, seed);
    kd_topics_init(&shard->topics, kb_random_next(&shard->random));
    kd_sessions_init(&shard->sessions, (size_t)shard->config->fetch_session_slots, &shard->random);
    kd_ids_init(&shard->ids, shard->config->node_id);
    kd_verifications_init(&shard->verifications, &shard->random, kd_txn_join);
    kd_group_topic_init(&life->groups, shard);
    shard->groups = &life->groups;
    kd_txn_topic_init(&life->txns, shard);
    shard->txns = &life->txns;
    kb_list_init(&shard->config_watches);
    kn_timer_init(&life->deadline, on_deadline);
    kn_timer_init(&life->upkeep, on_upkeep);
    kd_lead_init(&life->shard);
    kn_task_init(&life->drained, after_drain);
    kd_server_init(&life->server, shard);
    life->starting = true;
    shard->codec = kw_codec_ctx_new();
    bool ready =
        kd_checkers_init(&shard->checkers, shard->exec, shard->loop, shard->config->io_threads);
    shard->disk = shard->codec && ready ? disk_new(life) : NULL;
    if (shard->disk)
        kd_disk_open(shard->disk);
    else
        fail_memory(life);
}

void kd_life_halt(struct kd_life *life)
{
    struct kd_shard *shard = &life->shard;
    struct kd_meta *meta = shard->meta;
    life->halted = shard->stopping = true;
    kn_timer_cancel(shard->loop, &life->deadline);
    kn_timer_cancel(shard->loop, &life->upkeep);
    kd_lead_cancel(shard);
    kn_task_cancel(&life->drained);
    if (life->server_open)
        kd_server_deinit(&life->server);
    kd_coordinator_topic_close(&life->txns.topic); /* its markers are on their way to groups */
    kd_coordinator_topic_close(&life->groups.topic);
    kd_checkers_halt(&shard->checkers);
    if (shard->disk)
        kd_disk_halt(shard->disk);
    if (meta)
        meta->ops->halt(meta);
    shard->meta = NULL;
}

void kd_life_deinit(struct kd_life *life)
{
    struct kd_shard *shard = &life->shard;
    kd_server_forget_spares(&life->server);
    if (shard->disk)
        kd_disk_free(shard->disk);
    kw_codec_ctx_free(shard->codec);
    kd_checkers_deinit(&shard->checkers);
    kd_verifications_deinit(&shard->verifications);
    kd_sessions_deinit(&shard->sessions);
    kd_topics_deinit(&shard->topics);
    kd_configs_deinit(&shard->configs);
}
