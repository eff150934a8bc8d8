/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same drive over real threads: writers, readers and searches at once,
 * while segments roll, checkpoints are written, files are closed behind the
 * readers' backs, and two of the logs lose what was read. Each reader sees
 * every offset once, in order. One log is compacted, and read again and again
 * meanwhile. Worth the most under ThreadSanitizer.
 */
#include "tests/unit/store/rig.h"

#include "base/check.h"
#include "broker/store/log.h"

#include <string.h>

enum { LOGS = 4, BATCHES = 150, IN_FLIGHT = 3, A_COMPACTION = 30, DEADLINE_MS = 60000 };

struct actor {
    struct kd_disk *disk;
    struct kd_replica *replica;
    int sent, answered;
    int64_t read_to, end;
    int searches;
    struct kd_append *appends[BATCHES];
    struct kb_buf *frames[BATCHES];
    struct kd_read read;
    struct kd_lookup lookup;
    bool searching;
    bool deletes; /* what was read */
    bool compacts;
};

struct world {
    struct kn_env *env;
    struct kn_loop *loop;
    struct kn_exec *exec;
    struct kb_fs *fs;
    struct kd_disk *disk;
    bool opened, closed;
    struct actor actors[LOGS];
};

static void on_opened(void *ctx, const struct kb_error *err)
{
    assert_int_equal(err->code, KB_OK);
    ((struct world *)ctx)->opened = true;
}

static void on_closed(void *ctx)
{
    ((struct world *)ctx)->closed = true;
}

static void run_until(struct world *world, bool (*cond)(struct world *))
{
    struct kb_clock *clock = kb_clock_real();
    int64_t deadline = clock->now(clock).mono_ms + DEADLINE_MS;
    while (!cond(world)) {
        assert_true(clock->now(clock).mono_ms < deadline);
        kn_loop_step(world->loop, 1000);
    }
}

static bool is_open(struct world *world)
{
    return world->opened;
}

static bool is_closed(struct world *world)
{
    return world->closed;
}

/* ---- Actors ------------------------------------------------------------- */

static void send_next(struct actor *actor);
static void read_on(struct actor *actor);

static void appended(struct kd_append *append)
{
    struct actor *actor = append->owner;
    assert_int_equal(append->code, KB_OK);
    actor->answered++;
    actor->end = append->needs_end;
    send_next(actor);
}

/* There is a compaction for every so many batches. */
static bool may_send(const struct actor *actor)
{
    struct kd_disk_stats stats;
    kd_disk_stats(actor->disk, &stats);
    return actor->sent < BATCHES &&
           (!actor->compacts || (uint64_t)actor->sent < (stats.compactions + 1) * A_COMPACTION);
}

static void send_next(struct actor *actor)
{
    if (!may_send(actor))
        return;
    int i = actor->sent++;
    struct rig_batch batch = {.producer_id = -1,
                              .epoch = -1,
                              .sequence = -1,
                              .count = 1 + i % 3,
                              .value_bytes = (size_t)(i % 13 * 60),
                              .timestamp_ms = 1000 + i};
    actor->frames[i] = rig_encode(&batch);
    actor->appends[i] = rig_append_new(actor->frames[i]);
    actor->appends[i]->owner = actor;
    actor->appends[i]->done = appended;
    kd_replica_append(actor->replica, actor->appends[i]);
}

static void searched(struct kd_lookup *lookup)
{
    struct actor *actor = lookup->owner;
    assert_int_equal(lookup->code, KB_OK);
    actor->searching = false;
    actor->searches++;
}

static void search(struct actor *actor)
{
    if (actor->searching)
        return;
    actor->searching = true;
    actor->lookup = (struct kd_lookup){.timestamp_ms = actor->searches % 5 ? 1000 + actor->searches
                                                                           : KD_TIME_MAX,
                                       .bound = kd_replica_state(actor->replica)->high_watermark,
                                       .done = searched,
                                       .owner = actor};
    kd_replica_lookup(actor->replica, &actor->lookup);
}

/* File bytes are joined here; in a broker the connection's loop reads them. */
static void take(struct actor *actor)
{
    struct kd_extent *extent = &actor->read.extent;
    struct kb_buf *got = kb_buf_new(extent->size_bytes);
    int64_t first, end;
    int batches;
    for (size_t i = 0; i < extent->piece_count; i++) {
        memcpy(got->data + got->size, extent->pieces[i].bytes.data, extent->pieces[i].bytes.size);
        got->size += extent->pieces[i].bytes.size;
    }
    if (extent->segment) {
        int64_t n = kd_segment_read(extent->segment, got->data, extent->size_bytes,
                                    extent->position, false);
        assert_int_equal(n, extent->size_bytes);
        got->size = (size_t)n;
    }
    kd_extent_release(extent);
    rig_count_batches(got, &first, &end, &batches);
    if (batches) {
        assert_true(first == actor->read_to || (actor->compacts && end > actor->read_to));
        actor->read_to = end;
    }
    kb_buf_unref(got);
}

static void read_done(struct kd_read *read)
{
    struct actor *actor = read->owner;
    assert_int_equal(read->code, KB_OK);
    take(actor);
    search(actor);
    if (actor->deletes)
        kd_replica_set_start(actor->replica, actor->read_to, NULL);
    read_on(actor);
}

static void read_on(struct actor *actor)
{
    int64_t bound = kd_replica_state(actor->replica)->high_watermark;
    while (actor->read_to < bound) {
        actor->read = (struct kd_read){.offset = actor->read_to,
                                       .bound = bound,
                                       .max_bytes = 3000,
                                       .whole_first = true,
                                       .done = read_done,
                                       .owner = actor};
        if (!kd_replica_read(actor->replica, &actor->read))
            return;
        assert_int_equal(actor->read.code, KB_OK);
        take(actor);
    }
    actor->read.replica = NULL; /* sleeps until the log moves */
}

static void on_advanced(void *ctx, struct kd_replica *replica)
{
    (void)ctx;
    struct actor *actor = kd_replica_owner(replica);
    if (actor && !actor->read.replica)
        read_on(actor);
}

/* The log that is compacted is read from its start while anything is left to send. */
static void begin_again(struct actor *actor)
{
    if (!actor->compacts || actor->answered == BATCHES || actor->read.replica)
        return;
    if (actor->sent == actor->answered)
        send_next(actor);
    actor->read_to = 0;
    read_on(actor);
}

static bool all_is_read(struct world *world)
{
    for (int i = 0; i < LOGS; i++)
        begin_again(&world->actors[i]);
    for (int i = 0; i < LOGS; i++) {
        const struct actor *actor = &world->actors[i];
        if (actor->answered < BATCHES || actor->read_to < actor->end || actor->searching ||
            actor->read.replica)
            return false;
    }
    return true;
}

static void write_and_read(bool has_syncfs)
{
    static struct world world;
    static const char *const topics[LOGS] = {"a", "b", "c", "d"};
    memset(&world, 0, sizeof world);
    world.fs = kb_fs_mem_new();
    if (!has_syncfs)
        rig_without_syncfs(world.fs);
    world.env = kn_env_real_new();
    world.loop = kn_loop_new(world.env);
    world.exec = kn_exec_new(world.env, 4);
    struct kd_disk_options options = {.fs = world.fs,
                                      .exec = world.exec,
                                      .loop = world.loop,
                                      .node_id = 1,
                                      .tail_bytes = 1,
                                      .open_files = 2,
                                      .checkpoint_ms = 1,
                                      .ctx = &world,
                                      .events = {on_opened, on_closed, NULL, on_advanced, NULL}};
    struct kd_log_config config = {.segment_bytes = 8000,
                                   .segment_ms = INT64_MAX,
                                   .index_bytes = 1 << 20,
                                   .index_interval_bytes = 512,
                                   .flush_messages = 1,
                                   .flush_ms = KB_FOREVER,
                                   .max_compaction_lag_ms = INT64_MAX};
    world.disk = kd_disk_new(&options);
    kd_disk_open(world.disk);
    run_until(&world, is_open);
    kd_disk_set_cleaner(world.disk, &(struct kd_cleaner_config){true, 1, 1 << 20});
    for (int i = 0; i < LOGS; i++) {
        struct kb_uuid id = {.bytes = {1, (uint8_t)i}};
        config.flush_messages = i % 2 ? 20 : 1;
        struct actor *actor = &world.actors[i];
        actor->disk = world.disk;
        actor->compacts = config.compact = i == 0;
        actor->replica = kd_disk_add(world.disk, topics[i], id, 0, &config);
        actor->deletes = i >= LOGS / 2;
        kd_replica_set_owner(actor->replica, actor);
        for (int k = 0; k < IN_FLIGHT; k++)
            send_next(actor);
    }
    run_until(&world, all_is_read);
    for (int i = 0; i < LOGS; i++)
        assert_int_equal(kd_replica_state(world.actors[i].replica)->log_start > 0,
                         world.actors[i].deletes);
    kd_disk_close(world.disk);
    run_until(&world, is_closed);
    kn_exec_free(world.exec);
    kn_loop_free(world.loop);
    kd_disk_free(world.disk);
    world.env->ops->free(world.env);
    for (int i = 0; i < LOGS; i++) {
        for (int k = 0; k < BATCHES; k++) {
            kb_buf_unref(world.actors[i].frames[k]);
            kb_free(world.actors[i].appends[k]);
        }
    }
    world.fs->ops->free(world.fs);
}

static void logs_are_written_and_read_at_once(void **state)
{
    (void)state;
    write_and_read(true);
}

static void and_where_their_files_are_synced_side_by_side(void **state)
{
    (void)state;
    write_and_read(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_are_written_and_read_at_once),
        cmocka_unit_test(and_where_their_files_are_synced_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
