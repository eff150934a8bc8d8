/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_DRIVE_INTERNAL_H
#define KD_DRIVE_INTERNAL_H
/*
 * The drive's structs, for the drive alone.
 *
 * An append walks through these lists of its replica, in this order:
 *
 *   waiting ──place──> committing (by the end it needs) ──> disk->finished
 *                 └──> queued ──round──> writing            (its bytes)
 *
 * A lane carries the replicas that have something queued to a disk thread, one
 * round at a time. There are two, so that relaxed logs never wait for a sync.
 */
#include "base/random.h"
#include "broker/core/clean.h"
#include "broker/core/wall.h"
#include "broker/drive/replica.h"
#include "broker/drive/tail.h"
#include "broker/store/dir.h"
#include "broker/store/log.h"

/* So many files are synced each by itself; more with the whole file system. */
enum { KD_SYNC_ALONE_MAX = 2 };

/* The bytes of a placed batch until they are in the file. */
struct kd_write {
    struct kd_log_batch batch;
    struct kb_buf *frame;
};

struct kd_writes {
    struct kd_log_batch *first, **last; /* each in a kd_write */
    int64_t bytes;
    int64_t count;
};

enum kd_replica_status {
    KD_ONLINE,
    KD_OFFLINE,   /* until the next start */
    KD_RELOADING, /* a failed append is being forgotten, or has to wait for that */
    KD_LEAVING    /* deleted as soon as nobody uses it */
};

struct kd_replica {
    struct kd_disk *disk;
    struct kb_map_entry by_id, by_name;
    struct kb_list link; /* disk->replicas */
    uint8_t id_key[20];
    char name[KD_PATH_MAX]; /* of its directory */
    char topic[KD_TOPIC_MAX + 1];
    struct kb_uuid topic_id;
    int32_t partition;
    void *owner;

    struct kd_partition state;
    struct kd_log_config config;
    enum kd_replica_status status;
    struct kd_log *log; /* NULL: could not be loaded */
    bool has_files;     /* its directory and first segment are there */
    bool read_failed;   /* and the log says so */
    struct kd_tail tail;
    int64_t recovery_point; /* as last published */
    int64_t next_start;     /* as last recorded or being recorded; -1: not known */
    bool retiring;          /* its active segment is old: a roll, then another look */
    unsigned users;         /* jobs that hold it */
    int64_t clean_end;      /* compacted below */
    int64_t clean_again_ms; /* not before (monotonic): the last try failed */
    bool clean_rests;       /* until the next start: it cannot be compacted */
    bool clean_warned;      /* and the log says why */

    struct kb_list waiting, committing;
    struct kd_writes queued, writing;
    int64_t room; /* reserved and not yet taken by queued or writing */

    /* The round. */
    struct kd_lane *lane;
    struct kb_list lane_link; /* ready, or in the round */
    bool in_round;
    bool reserve_asked, reserve_running;
    struct kd_reserve reserve; /* owns snapshot and files */
    char partition_file[64];
    int write_status, reserve_status;
    bool sync_failed;
    int64_t round_end, round_room;
    struct kd_segment *dirty;
    struct kn_job sync_job;
    int sync_status;

    /* Relaxed: unflushed since. */
    int64_t unflushed, unflushed_since_ms;
    struct kb_list sync_link;
    int64_t sync_end;
    bool to_checkpoint; /* written since its last checkpoint */

    struct kd_op *leaving_op;
    enum kd_dir_kind leaving_to;
};

struct kd_lane {
    struct kd_disk *disk;
    bool flushed; /* its rounds end with a sync */
    bool busy;
    struct kb_list ready, round;
    struct kn_task start;
    struct kn_job job;
    int sync_status;
    bool synced;    /* by the round itself, or it needed none */
    size_t syncing; /* files that are being synced side by side */
};

/* One log is compacted at a time. */
struct kd_cleaner {
    struct kd_cleaner_config config;
    struct kn_timer timer;
    struct kn_task looking;
    struct kb_list *next;    /* of replicas; its head: none */
    int64_t now_ms;          /* wall time that they are held against */
    struct kd_replica *best; /* of those looked at; NULL: none is due */
    struct kd_clean_look of_best;
    struct kd_cleaning *now; /* NULL: none */
};

enum kd_disk_status { KD_DISK_NEW, KD_DISK_OPENING, KD_DISK_OPEN, KD_DISK_CLOSING, KD_DISK_CLOSED };

struct kd_disk {
    struct kb_fs *fs;
    struct kn_exec *exec;
    struct kn_loop *loop;
    struct kb_log *log;
    struct kd_disk_options options;
    char expected_cluster[KD_CLUSTER_ID_MAX];
    enum kd_disk_status status;
    bool failed, halted;
    struct kb_random random;
    struct kd_files files;
    atomic_int syncfs_known; /* 1: it is to be had here, -1: it is not */
    struct kd_dir dir;
    struct kb_map by_id, by_name;
    struct kb_list replicas;
    struct kd_tails tails;
    struct kd_lane lanes[2]; /* [0] flushed, [1] relaxed */
    struct kn_exec *syncers; /* NULL until many files are to be synced side by side */
    struct kn_lane serial;   /* for the directory's own files */
    unsigned jobs;           /* other than rounds */
    struct kb_list finished; /* appends to answer */
    struct kb_list operated; /* ops to answer */
    struct kn_task settle;
    struct kn_timer checkpoint_timer, flush_timer, reload_timer;
    bool checkpointing;
    struct kb_list to_sync; /* relaxed replicas to flush in the background */
    bool syncing;
    int64_t appended_since_checkpoint;
    /* Log starts and retention. */
    struct kb_list rising; /* log starts to record */
    struct kn_task raise;
    bool raising;            /* being recorded */
    struct kn_lane dropping; /* files that are deleted, one job at a time */
    struct kb_list doomed;   /* to be unlinked later */
    struct kn_timer retention_timer, unlink_timer;
    int64_t next_check_ms;
    struct kn_task looking;
    struct kb_list *next_look; /* of replicas; its head: none */
    int64_t look_ms;           /* the wall time that they are held against */
    struct kd_wall wall;
    struct kd_cleaner cleaner;
    bool has_clean_ends;                /* their file is there, or will be */
    struct kd_epoch_saves *epoch_saves; /* of this turn; NULL: none */
    struct kn_task save_epochs;
    struct kd_opening *opening; /* made with the disk, so that open cannot fail */
    struct kd_closing *closing; /* the same of close */
    struct kb_error error;      /* of FAILED */
    int last_errno;
    struct kd_disk_stats stats;
};

/* ---- disk.c ------------------------------------------------------------- */
struct kd_replica *kd_replica_new(struct kd_disk *disk, const char *topic, int32_t partition);
bool kd_replica_register_id(struct kd_replica *replica, struct kb_uuid topic_id);
void kd_replica_free(struct kd_replica *replica);
/* Its frame is not needed by it any more. */
void kd_replica_release(struct kd_replica *replica); /* one user less */
int64_t kd_replica_draw_jitter(struct kd_replica *replica);
void kd_append_let_go(struct kd_append *append);
void kd_disk_finish(struct kd_disk *disk, struct kd_append *append, int code);
void kd_disk_finish_op(struct kd_disk *disk, struct kd_op *op, int code);
void kd_disk_fail(struct kd_disk *disk, int status, const char *what);
void kd_disk_settle_soon(struct kd_disk *disk);
struct kb_time kd_disk_now(const struct kd_disk *disk);
void kd_disk_submit(struct kd_disk *disk, struct kn_lane *lane, struct kn_job *job);

/* On a disk thread: may the whole file system be synced in one go, and do it. */
bool kd_disk_has_syncfs(struct kd_disk *disk);
int kd_disk_syncfs(struct kd_disk *disk);

/* ---- epochs_file.c ------------------------------------------------------ */
void kd_disk_epochs_init(struct kd_disk *disk);
/* What was collected goes now: before whatever else changes these files. */
void kd_disk_save_epochs(struct kd_disk *disk);
void kd_disk_halt_epochs(struct kd_disk *disk);

/* ---- round.c ------------------------------------------------------------ */
void kd_lane_init(struct kd_lane *lane, struct kd_disk *disk, bool flushed);
/* Something is queued, or room is asked for: the next round takes it. */
void kd_replica_get_ready(struct kd_replica *replica);
bool kd_replica_is_idle(const struct kd_replica *replica);
void kd_lane_finish(struct kd_lane *lane); /* written and synced */

/* ---- sync.c ------------------------------------------------------------- */
/* On a disk thread, after the round's writes. False: kd_lane_sync_aside, on
 * the loop, has to do it; kd_lane_finish follows. */
bool kd_lane_sync(struct kd_lane *lane);
void kd_lane_sync_aside(struct kd_lane *lane);
void kd_disk_free_syncers(struct kd_disk *disk); /* waits for them */

/* ---- append.c ----------------------------------------------------------- */
void kd_replica_forget_reserve(struct kd_replica *replica);
/* Begins a new segment, unless the active one is empty or a roll is under way. */
void kd_replica_roll(struct kd_replica *replica);
void kd_replica_place_waiting(struct kd_replica *replica);
void kd_replica_commit(struct kd_replica *replica);
void kd_replica_advanced(struct kd_replica *replica, bool moved);
/* Everything that waits is answered with code, what is queued is dropped. */
void kd_replica_refuse_waiting(struct kd_replica *replica);
void kd_replica_drop_appends(struct kd_replica *replica, int code);
void kd_replica_fail(struct kd_replica *replica, int status, const char *what);
void kd_writes_free(struct kd_writes *writes);

/* ---- open.c ------------------------------------------------------------- */
struct kd_opening *kd_opening_new(void);
void kd_replica_reload(struct kd_replica *replica);
void kd_disk_reload(struct kn_timer *timer); /* those that had to wait */

/* ---- close.c ------------------------------------------------------------ */
struct kd_closing *kd_closing_new(void);

/* ---- checkpoint.c ------------------------------------------------------- */
void kd_disk_checkpoint_init(struct kd_disk *disk);
void kd_disk_checkpoint_soon(struct kd_disk *disk);
void kd_disk_flush_later(struct kd_replica *replica);
/* The checkpoint files as they should be now; false: no memory. */
struct kd_checkpoints {
    struct kd_checkpoint recovery_points, log_starts, high_watermarks, clean_ends;
    bool has_clean_ends; /* else there is no such file */
};
bool kd_checkpoints_collect(struct kd_disk *disk, struct kd_checkpoints *out);
void kd_checkpoints_deinit(struct kd_checkpoints *checkpoints);
int kd_checkpoints_save(struct kb_fs *fs, const struct kd_checkpoints *checkpoints);

bool kd_checkpoint_collect_starts(struct kd_disk *disk, struct kd_checkpoint *out);
bool kd_checkpoint_collect_clean_ends(struct kd_disk *disk, struct kd_checkpoint *out);

/* ---- starts.c, retention.c ---------------------------------------------- */
void kd_disk_starts_init(struct kd_disk *disk);
void kd_disk_halt_starts(struct kd_disk *disk);
void kd_disk_retention_init(struct kd_disk *disk);
void kd_disk_start_retention(struct kd_disk *disk);
void kd_disk_stop_retention(struct kd_disk *disk);
/* It goes: whoever looks at one log after the other takes the next. */
void kd_disk_pass_over(struct kd_replica *replica);
/* Its old segment was rolled: one more look. */
void kd_replica_retire(struct kd_replica *replica);
/* Files that were renamed, to be unlinked after the topic's delay; takes them. */
void kd_disk_doom(struct kd_replica *replica, struct kd_dropped *files);
void kd_disk_forget_doomed(struct kd_replica *replica);

/* ---- clean.c ------------------------------------------------------------ */
void kd_cleaner_init(struct kd_disk *disk);
void kd_cleaner_wake(struct kd_disk *disk);            /* a look soon, where it is enabled */
void kd_cleaner_stop(struct kd_disk *disk);            /* what runs gives up after its step */
void kd_cleaner_pass_over(struct kd_replica *replica); /* it goes */

/* ---- close.c, ops.c ----------------------------------------------------- */
void kd_disk_close_step(struct kd_disk *disk); /* goes on once all is idle */
void kd_replica_leave_step(struct kd_replica *replica);

#endif
