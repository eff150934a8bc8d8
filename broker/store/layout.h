/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LAYOUT_H
#define KD_LAYOUT_H
/*
 * The names of a log directory, as Kafka has them:
 *
 *   meta.properties  .lock  .kafka_cleanshutdown
 *   recovery-point-offset-checkpoint  log-start-offset-checkpoint
 *   replication-offset-checkpoint  cleaner-offset-checkpoint
 *   TOPIC-PARTITION/
 *       partition.metadata  leader-epoch-checkpoint
 *       00000000000000000000.log .index .timeindex .snapshot
 *       00000000000000000000.log.deleted  .log.cleaned  .log.swap
 *   TOPIC-PARTITION.HEX-delete/  TOPIC-PARTITION.HEX-stray/
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KD_META_FILE "meta.properties"
#define KD_LOCK_FILE ".lock"
#define KD_CLEAN_FILE ".kafka_cleanshutdown"
#define KD_RECOVERY_POINTS_FILE "recovery-point-offset-checkpoint"
#define KD_LOG_STARTS_FILE "log-start-offset-checkpoint"
#define KD_HIGH_WATERMARKS_FILE "replication-offset-checkpoint"
#define KD_CLEAN_ENDS_FILE "cleaner-offset-checkpoint"
#define KD_PARTITION_FILE "partition.metadata"
#define KD_EPOCHS_FILE "leader-epoch-checkpoint"

enum { KD_TOPIC_MAX = 249, KD_PATH_MAX = 384 };

enum kd_suffix {
    KD_SUFFIX_LOG,
    KD_SUFFIX_INDEX,
    KD_SUFFIX_TIMEINDEX,
    KD_SUFFIX_TXNINDEX,
    KD_SUFFIX_SNAPSHOT,
    KD_SUFFIX_CUT, /* ours: what a recovery cut off */
    KD_SUFFIXES
};

/* What stands behind the name of a file that is not in its log: */
enum kd_stage {
    KD_IN_LOG,  /* nothing */
    KD_DELETED, /* out of it, and will be unlinked */
    KD_CLEANED, /* what compaction makes, not whole yet */
    KD_SWAP,    /* whole, and takes the place of what it was made from */
    KD_STAGES
};

/* "DIR/00000000000000000042.log"; dir "" for the bare name. */
void kd_file_path(char out[KD_PATH_MAX], const char *dir, int64_t offset, enum kd_suffix suffix);
/* False: not such a name, or not in a log. */
bool kd_file_parse(const char *name, int64_t *offset, enum kd_suffix *suffix);
/* The same with ".deleted" and the like behind it. */
void kd_file_stage_path(char out[KD_PATH_MAX], const char *dir, int64_t offset,
                        enum kd_suffix suffix, enum kd_stage stage);
bool kd_file_parse_stage(const char *name, int64_t *offset, enum kd_suffix *suffix,
                         enum kd_stage *stage);
/* "DIR/NAME" */
void kd_path_join(char out[KD_PATH_MAX], const char *dir, const char *name);

enum kd_dir_kind { KD_DIR_OTHER, KD_DIR_LOG, KD_DIR_DELETE, KD_DIR_STRAY };
/* "topic-0". */
void kd_dir_name(char out[KD_PATH_MAX], const char *topic, int32_t partition);
/* topic and partition are set for KD_DIR_LOG only. */
enum kd_dir_kind kd_dir_parse(const char *name, char topic[KD_TOPIC_MAX + 1], int32_t *partition);
/* "topic-0.0123456789abcdef0123456789abcdef-delete": out of the way for good. */
void kd_dir_retired(char out[KD_PATH_MAX], const char *dir, const uint8_t id[16],
                    enum kd_dir_kind kind);

#endif
