/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded metadata store on a simulated disk: order, watches, unknown
 * outcomes, and what is left after a power loss. */
#include "tests/unit/unit.h"
#include "base/fs_mem.h"
#include "broker/meta/embedded.h"
#include "net/sim.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 60000 };

struct world {
    struct kn_sim *sim;
    struct kn_env *env;
    struct kn_loop *loop;
    struct kn_exec *exec;
    struct kb_fs *fs;
    struct kd_meta *meta;
    struct kb_error err;
    bool opened, closed;
    size_t snapshot_bytes;
    /* What the last answers were. */
    int answers;
    enum kd_meta_outcome outcome;
    enum kd_meta_reason reason;
    char data[64], children[256];
    struct kd_meta_stat stat;
    int events;
    enum kd_meta_event event;
    struct kd_meta_watch watch;
};

static bool is_set(void *flag)
{
    return *(bool *)flag;
}

static void on_opened(void *ctx, struct kd_meta *meta, const struct kb_error *err)
{
    struct world *w = ctx;
    w->opened = true;
    w->meta = meta;
    w->err = *err;
}

static void on_closed(void *ctx)
{
    ((struct world *)ctx)->closed = true;
}

static void start(struct world *w, uint64_t seed)
{
    kb_mem_spare(1);
    w->sim = kn_sim_new(seed);
    w->env = kn_sim_env(w->sim, "broker");
    w->loop = kn_loop_new(w->env);
    w->exec = kn_exec_new(w->env, 2);
    kb_mem_spare(-1);
    w->opened = w->closed = false;
    struct kd_embedded_options options = {.loop = w->loop,
                                          .exec = w->exec,
                                          .fs = w->fs,
                                          .dir = "meta",
                                          .seed = seed,
                                          .snapshot_bytes = w->snapshot_bytes};
    w->meta = NULL;
    if (kd_embedded_open(&options, on_opened, w))
        assert_true(kn_sim_run(w->sim, is_set, &w->opened, WAIT_MS));
}

static void end(struct world *w)
{
    kn_exec_free(w->exec);
    kn_loop_free(w->loop);
    w->env->ops->free(w->env);
    kn_sim_free(w->sim);
}

static void stop(struct world *w)
{
    w->meta->ops->close(w->meta, on_closed, w);
    assert_true(kn_sim_run(w->sim, is_set, &w->closed, WAIT_MS));
    end(w);
}

static void crash(struct world *w)
{
    if (w->meta)
        w->meta->ops->halt(w->meta);
    kn_sim_kill(w->sim, "broker", KN_SIM_KILL_POWER);
    end(w);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->fs = kb_fs_mem_new();
    start(w, 1);
    *state = w;
    return w->meta ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;
    if (w->meta)
        stop(w);
    w->fs->ops->free(w->fs);
    free(w);
    return 0;
}

/* ---- Asking ------------------------------------------------------------- */

static void on_multi(void *ctx, const struct kd_meta_result *result)
{
    struct world *w = ctx;
    w->answers++;
    w->outcome = result->outcome;
    w->reason = result->reason;
}

static void on_node(void *ctx, const struct kd_meta_node *node)
{
    struct world *w = ctx;
    w->answers++;
    w->outcome = node->outcome;
    w->stat = node->stat;
    snprintf(w->data, sizeof w->data, "%.*s", (int)node->data.size, node->data.data);
    w->children[0] = 0;
    for (int i = 0; i < node->count; i++) {
        strcat(w->children, node->children[i]);
        strcat(w->children, " ");
    }
}

struct count {
    struct world *w;
    int wanted;
};

static bool has_answers(void *ctx)
{
    struct count *count = ctx;
    return count->w->answers >= count->wanted;
}

static void await(struct world *w, int answers)
{
    struct count count = {w, answers};
    assert_true(kn_sim_run(w->sim, has_answers, &count, WAIT_MS));
}

static void ask_write(struct world *w, enum kd_meta_kind kind, const char *path, const char *data,
                      unsigned flags)
{
    struct kd_meta_op op = {kind, flags, path, kb_slice_str(data), KD_META_ANY};
    kd_meta_multi(w->meta, &op, 1, on_multi, w);
}

static enum kd_meta_outcome write_node(struct world *w, enum kd_meta_kind kind, const char *path,
                                       const char *data, unsigned flags)
{
    ask_write(w, kind, path, data, flags);
    await(w, w->answers + 1);
    return w->outcome;
}

static const char *get(struct world *w, const char *path)
{
    kd_meta_get(w->meta, path, NULL, on_node, w);
    await(w, w->answers + 1);
    return w->outcome == KD_META_OK ? w->data : "(none)";
}

static const char *list(struct world *w, const char *path)
{
    kd_meta_children(w->meta, path, NULL, on_node, w);
    await(w, w->answers + 1);
    return w->children;
}

/* ---- Cases -------------------------------------------------------------- */

static void answers_come_later_and_in_order(void **state)
{
    struct world *w = *state;
    ask_write(w, KD_META_CREATE, "/a", "1", 0);
    kd_meta_get(w->meta, "/a", NULL, on_node, w);
    assert_int_equal(w->answers, 0);
    await(w, 2);
    assert_string_equal(w->data, "1");
}

static void what_was_written_is_there_after_a_restart(void **state)
{
    struct world *w = *state;
    assert_int_equal(write_node(w, KD_META_CREATE, "/a", "1", 0), KD_META_OK);
    assert_int_equal(write_node(w, KD_META_SET, "/a", "2", 0), KD_META_OK);
    assert_int_equal(write_node(w, KD_META_CREATE, "/a/b-", "x", KD_META_SEQUENTIAL), KD_META_OK);
    assert_int_equal(write_node(w, KD_META_CREATE, "/a/e", "", KD_META_EPHEMERAL), KD_META_OK);
    assert_string_equal(list(w, "/a"), "b-0000000000 e ");
    stop(w);
    start(w, 2);
    assert_string_equal(get(w, "/a"), "2");
    assert_int_equal(w->stat.version, 1);
    assert_string_equal(list(w, "/a"), "b-0000000000 ");
    assert_int_equal(write_node(w, KD_META_CREATE, "/a/b-", "y", KD_META_SEQUENTIAL), KD_META_OK);
    assert_string_equal(list(w, "/a"), "b-0000000000 b-0000000001 ");
}

static void a_number_of_a_write_is_never_given_twice(void **state)
{
    struct world *w = *state;
    write_node(w, KD_META_CREATE, "/e", "", KD_META_EPHEMERAL);
    get(w, "/e");
    int64_t first = w->stat.created;
    stop(w);
    start(w, 2);
    write_node(w, KD_META_CREATE, "/e", "", KD_META_EPHEMERAL);
    get(w, "/e");
    assert_true(w->stat.created > first);
}

static void conflicts_say_why(void **state)
{
    struct world *w = *state;
    write_node(w, KD_META_CREATE, "/a", "", 0);
    assert_int_equal(write_node(w, KD_META_CREATE, "/a", "", 0), KD_META_CONFLICT);
    assert_int_equal(w->reason, KD_META_EXISTS);
    assert_int_equal(write_node(w, KD_META_DELETE, "/b", NULL, 0), KD_META_CONFLICT);
    assert_int_equal(w->reason, KD_META_NO_NODE);
}

static void on_event(struct kd_meta_watch *watch, enum kd_meta_event event, const char *path)
{
    struct world *w = KB_CONTAINER(watch, struct world, watch);
    (void)path;
    w->events++;
    w->event = event;
}

static void watches_fire_once(void **state)
{
    struct world *w = *state;
    kd_meta_watch_init(&w->watch, on_event);
    kd_meta_get(w->meta, "/a", &w->watch, on_node, w); /* not there yet */
    await(w, 1);
    write_node(w, KD_META_CREATE, "/a", "1", 0);
    assert_int_equal(w->events, 1);
    assert_int_equal(w->event, KD_META_CREATED);
    write_node(w, KD_META_SET, "/a", "2", 0);
    assert_int_equal(w->events, 1);
    kd_meta_children(w->meta, "/a", &w->watch, on_node, w);
    write_node(w, KD_META_SET, "/a", "3", 0);
    assert_int_equal(w->events, 1);
    write_node(w, KD_META_CREATE, "/a/b", "", 0);
    assert_int_equal(w->events, 2);
    assert_int_equal(w->event, KD_META_CHILDREN);
    kd_meta_get(w->meta, "/a", &w->watch, on_node, w);
    await(w, w->answers + 1);
    w->meta->ops->disarm(w->meta, &w->watch);
    write_node(w, KD_META_SET, "/a", "4", 0);
    assert_int_equal(w->events, 2);
}

static int fail_syncs(void *ctx, enum kb_fs_op op, const char *path, uint64_t nth)
{
    (void)ctx;
    (void)path;
    (void)nth;
    return op == KB_FS_SYNC ? -EIO : 0;
}

static void a_failed_sync_leaves_the_outcome_unknown(void **state)
{
    struct world *w = *state;
    write_node(w, KD_META_CREATE, "/a", "1", 0);
    kb_fs_mem_set_fault(w->fs, fail_syncs, NULL);
    assert_int_equal(write_node(w, KD_META_SET, "/a", "2", 0), KD_META_UNKNOWN);
    kb_fs_mem_set_fault(w->fs, NULL, NULL);
    assert_int_equal(write_node(w, KD_META_SET, "/a", "3", 0), KD_META_UNKNOWN);
    get(w, "/a");
    assert_int_equal(w->outcome, KD_META_UNKNOWN);
    stop(w);
    start(w, 2);
    get(w, "/a");
    assert_int_equal(w->outcome, KD_META_OK);
    assert_true(!strcmp(w->data, "1") || !strcmp(w->data, "2"));
}

static void a_full_disk_refuses_and_goes_on_with_room(void **state)
{
    struct world *w = *state;
    static char big[60000];
    char path[16];
    int i = 0;
    memset(big, 'x', sizeof big - 1);
    kb_fs_mem_set_capacity(w->fs, 400000);
    do {
        snprintf(path, sizeof path, "/big%d", ++i);
    } while (write_node(w, KD_META_CREATE, path, big, 0) == KD_META_OK);
    assert_true(i > 2);
    assert_int_equal(w->outcome, KD_META_CONFLICT);
    assert_int_equal(w->reason, KD_META_NO_SPACE);
    assert_string_equal(get(w, path), "(none)");
    assert_int_equal(write_node(w, KD_META_CREATE, "/small", "1", 0), KD_META_OK); /* the reserve */
    kb_fs_mem_set_capacity(w->fs, 4000000);
    assert_int_equal(write_node(w, KD_META_CREATE, path, big, 0), KD_META_OK);
    stop(w);
    start(w, 2);
    assert_string_equal(get(w, "/small"), "1");
    get(w, path);
    assert_int_equal(w->outcome, KD_META_OK);
}

static void what_waits_at_close_hears_unknown(void **state)
{
    struct world *w = *state;
    w->meta->ops->close(w->meta, on_closed, w);
    ask_write(w, KD_META_CREATE, "/late", "", 0);
    kd_meta_get(w->meta, "/late", NULL, on_node, w);
    assert_true(kn_sim_run(w->sim, is_set, &w->closed, WAIT_MS));
    assert_int_equal(w->answers, 2);
    assert_int_equal(w->outcome, KD_META_UNKNOWN);
    end(w);
    start(w, 2);
}

static void snapshots_keep_the_log_short(void **state)
{
    struct world *w = *state;
    struct kb_stat stat;
    char text[16];
    stop(w);
    w->snapshot_bytes = 2000;
    start(w, 2);
    write_node(w, KD_META_CREATE, "/a", "0", 0);
    for (int i = 1; i <= 300; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(write_node(w, KD_META_SET, "/a", text, 0), KD_META_OK);
    }
    assert_int_equal(w->fs->ops->stat(w->fs, "meta/log", &stat), 0);
    assert_true(stat.size < 2100);
    stop(w);
    start(w, 3);
    assert_string_equal(get(w, "/a"), "300");
    assert_int_equal(w->stat.version, 300);
}

static void a_damaged_store_is_not_opened(void **state)
{
    struct world *w = *state;
    struct kb_file *file;
    stop(w);
    assert_int_equal(w->fs->ops->open(w->fs, "meta/log", KB_OPEN_WRITE, &file), 0);
    assert_true(kb_fs_write_all(w->fs, file, "WHATEVER", 8, 0) >= 0);
    w->fs->ops->close(w->fs, file);
    start(w, 2);
    assert_null(w->meta);
    assert_int_equal(w->err.code, KB_E_CORRUPT);
    end(w);
}

/* ---- Memory ------------------------------------------------------------- */

/* What was said to be written is there after a restart, and what was said not to
 * be is not. The disk is of memory too, and fails as disks do. */
static void write_short_of_memory(void *ctx)
{
    struct world w = {.snapshot_bytes = 200};
    char path[16], value[16];
    enum kd_meta_outcome made[9];
    int acked = 0;
    (void)ctx;
    kb_mem_spare(1);
    w.fs = kb_fs_mem_new();
    kb_mem_spare(-1);
    start(&w, 1);
    for (int i = 1; w.meta && i < 9; i++) {
        snprintf(path, sizeof path, "/k%d", i);
        snprintf(value, sizeof value, "%d", i);
        kd_meta_watch_init(&w.watch, on_event);
        kd_meta_get(w.meta, path, &w.watch, on_node, &w);
        await(&w, w.answers + 1);
        made[i] = write_node(&w, KD_META_CREATE, path, value, 0);
        if (write_node(&w, acked ? KD_META_SET : KD_META_CREATE, "/a", value, 0) == KD_META_OK)
            acked = i;
        list(&w, "/");
        w.meta->ops->disarm(w.meta, &w.watch);
    }
    bool opened = w.meta;
    if (opened)
        stop(&w);
    else
        end(&w);
    kb_mem_spare(1);
    start(&w, 2);
    assert_non_null(w.meta);
    assert_true(!opened || atoi(get(&w, "/a")) >= acked);
    for (int i = 1; opened && i < 9; i++) {
        snprintf(path, sizeof path, "/k%d", i);
        get(&w, path);
        assert_true(made[i] == KD_META_UNKNOWN || made[i] == w.outcome);
    }
    stop(&w);
    kb_mem_spare(-1);
    w.fs->ops->free(w.fs);
}

static void out_of_memory_is_told(void **state)
{
    (void)state;
    assert_in_range(unit_each_failure(write_short_of_memory, NULL), 300, 2000);
}

/* ---- Power losses ------------------------------------------------------- */

struct history {
    struct world *w;
    int asked, acked; /* /a is set to 1, 2, 3 ... */
};

static void ask_next(struct history *h);

static void on_next(void *ctx, const struct kd_meta_result *result)
{
    struct history *h = ctx;
    if (result->outcome != KD_META_OK)
        return;
    h->acked++;
    ask_next(h);
}

static void ask_next(struct history *h)
{
    char text[16], path[32];
    snprintf(text, sizeof text, "%d", ++h->asked);
    snprintf(path, sizeof path, "/k%d", h->asked);
    struct kd_meta_op ops[] = {{KD_META_SET, 0, "/a", kb_slice_str(text), KD_META_ANY},
                               {KD_META_CREATE, 0, path, kb_slice_str(text), KD_META_ANY}};
    kd_meta_multi(h->w->meta, ops, 2, on_next, h);
}

/* Every acknowledged write is there, and no write is there in part. */
static bool survives(struct world *w, const struct history *h)
{
    char path[32], want[16];
    int found = atoi(get(w, "/a"));
    bool fine = found >= h->acked && found <= h->asked;
    for (int i = 1; fine && i <= h->asked; i++) {
        snprintf(path, sizeof path, "/k%d", i);
        snprintf(want, sizeof want, "%d", i);
        fine = !strcmp(get(w, path), i <= found ? want : "(none)");
    }
    return fine;
}

static int lose_power(uint64_t seed, bool lying)
{
    struct world w = {.fs = kb_fs_mem_new(), .snapshot_bytes = seed % 2 ? 700 : 0};
    struct kb_random random;
    struct history h = {.w = &w};
    kb_random_seed(&random, seed);
    kb_fs_mem_set_lying(w.fs, lying);
    start(&w, seed);
    if (write_node(&w, KD_META_CREATE, "/a", "0", 0) != KD_META_OK)
        fail();
    ask_next(&h);
    (void)kn_sim_run(w.sim, NULL, NULL, (int64_t)kb_random_below(&random, 60));
    crash(&w);
    kb_fs_mem_crash(w.fs, KB_CRASH_POWER, &random);
    kb_fs_mem_set_lying(w.fs, false);
    start(&w, seed + 1);
    bool fine = w.meta && survives(&w, &h);
    if (w.meta)
        stop(&w);
    else
        end(&w);
    w.fs->ops->free(w.fs);
    return !fine;
}

static void power_losses_lose_nothing_acknowledged(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        if (lose_power(seed, false))
            fail_msg("seed %d", (int)seed);
}

static void a_lying_disk_is_caught(void **state)
{
    int lost = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++)
        lost += lose_power(seed, true);
    assert_true(lost > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_come_later_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_written_is_there_after_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_of_a_write_is_never_given_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(conflicts_say_why, setup, teardown),
        cmocka_unit_test_setup_teardown(watches_fire_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_sync_leaves_the_outcome_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_goes_on_with_room, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_at_close_hears_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshots_keep_the_log_short, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_store_is_not_opened, setup, teardown),
        cmocka_unit_test(out_of_memory_is_told),
        cmocka_unit_test(power_losses_lose_nothing_acknowledged),
        cmocka_unit_test(a_lying_disk_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
