/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
/*
 * A world from one seed, in one thread: a network, a clock, a disk that
 * outlives the broker written on it, the node "broker", and a node for each
 * process of its users (process.h).
 *
 *     process nodes                broker node
 *     runtimes, loops  ──sim──>    kd_broker ──jobs──> disk
 *
 * A crash takes what it would leave of the disk at that very moment, in the
 * middle of a job too, and silences the node; the next start is over that. The
 * same seed and options give the same run, event for event.
 */
#include "base/fs_mem.h"
#include "base/log.h"
#include "broker/broker.h"
#include "net/sim.h"

struct incarnation;

/* A key of the broker's configuration. */
struct world_setting {
    const char *key, *value;
};

struct world_options {
    uint64_t seed;
    bool lying_disk;                      /* syncs do nothing */
    bool relaxed;                         /* the broker acknowledges from the page cache */
    bool trace;                           /* what happens, and the broker's log, to stderr */
    int64_t calm_ms;                      /* between two faults at most; 0: as usual */
    const struct world_setting *settings; /* beside its own; the last has no key. NULL: none */
};

struct world {
    struct world_options options;
    struct kb_random random; /* of whoever sets the scene */
    struct kn_sim *sim;
    struct kb_log log;

    struct kb_fs *disk;          /* the broker's; while it is down, what is left of it */
    struct incarnation *current; /* NULL: the broker is down */
    struct incarnation *fallen;  /* crashed or stopped, and not cleared away yet */
    bool serving, start_failed;
    struct kb_error broken; /* code != 0: a start failed, or a disk did */
    uint64_t crash_at;      /* disk operation; UINT64_MAX: none */
    int64_t crash_sync;     /* syncs until then; < 0: none */
    enum kb_crash crash_how;
    bool failing; /* an operation fails, and what the broker makes of it is its own affair */
    enum kb_fs_op fail_op;
    int64_t fail_in;     /* operations of that kind; < 0: none */
    const char *spoiled; /* a topic: the next write to a log of it fails; NULL: none */

    const char *starved; /* a node; NULL: none */
    int64_t starved_one_in;
    long starvings; /* allocations that failed */

    struct kb_list processes;

    int64_t ahead_ms;         /* by how much the wall clock has jumped */
    int64_t started_ahead_ms; /* the most that it was at a start of the broker */
    long starts, crashes, power_losses, jumps;
    long reloads;  /* coordinators of transactions that found some in their log */
    long discards; /* coordinators of any kind that forgot all while the broker lived on */
};

enum { WORLD_PARTITIONS = 3, WORLD_PORT = 9092 };
#define WORLD_BOOTSTRAP "broker:9092"

/* Nothing runs yet. Topics come to be when first asked for. */
void world_init(struct world *w, const struct world_options *options);
void world_deinit(struct world *w);

void world_start(struct world *w); /* w->serving once it does */
/* At once. The node is then down until world_start. */
void world_crash(struct world *w, enum kb_crash how);
/* The same, before the nth disk operation from now. */
void world_crash_at(struct world *w, enum kb_crash how, uint64_t nth);
/* The same, before the nth sync: all that it was to make last is still at risk. */
void world_crash_at_sync(struct world *w, enum kb_crash how, int64_t nth);
/* The nth operation of that kind from now answers -EIO, once. */
void world_fail_at(struct world *w, enum kb_fs_op op, int64_t nth);
/* The next write to a log of that topic answers -EIO; NULL: none will any more. A broker
 * lives on with that. */
void world_spoil(struct world *w, const char *topic);
/* The coordinators of that partition of an internal topic forget all, and load again. */
void world_discard(struct world *w, const char *topic, int32_t partition);
/* One of so many allocations of that node fails, from now on; NULL: none. */
void world_starve(struct world *w, const char *node, int64_t one_in);
/* The disk has room for that much more; KB_FOREVER: all there is. */
void world_limit_disk(struct world *w, int64_t bytes);
/* A clean stop, waited for; false: it did not come to an end. */
bool world_stop(struct world *w);
/* The same in two steps: asks for it; then whether it has come to its end. */
void world_ask_stop(struct world *w);
bool world_has_stopped(struct world *w);
void world_jump(struct world *w, int64_t ms); /* the wall clock */

/* Until cond(ctx), at most ms of virtual time. */
bool world_wait(struct world *w, bool (*cond)(void *ctx), void *ctx, int64_t ms);
int64_t world_now_ms(const struct world *w);
int64_t world_between(struct world *w, int64_t min, int64_t max); /* by w->random */
void world_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
