/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_SHARD_H
#define KD_SHARD_H
/*
 * All that the state loop owns. Handlers reach state only through here, so
 * that it can be cut into shards one day. One thread; no lock anywhere.
 */
#include "base/log.h"
#include "base/random.h"
#include "broker/core/sessions.h"
#include "broker/core/topics.h"
#include "broker/drive/disk.h"
#include "broker/meta/meta.h"
#include "broker/server/checkers.h"
#include "broker/server/configs.h"
#include "broker/server/features.h"
#include "broker/server/ids.h"
#include "broker/server/listeners.h"
#include "broker/server/verify.h"
#include "net/exec.h"
#include "wire/compress.h"
#include <limits.h>

struct kd_group_topic;
struct kd_txn_topic;

struct kd_shard {
    const struct kd_config *config; /* in force: configs.live.now */
    struct kd_configs configs;
    struct kb_log *log;
    struct kn_loop *loop;
    struct kn_exec *exec;
    struct kb_fs *fs;
    struct kb_random random;
    struct kw_codec_ctx *codec; /* the loop's own */
    struct kd_checkers checkers;

    struct kd_disk *disk;
    struct kd_meta *meta;
    struct kd_topics topics;
    struct kn_timer lead_again; /* leading.h */
    struct kd_sessions sessions;
    struct kd_ids ids;
    struct kd_features features;
    struct kd_verifications verifications;
    struct kd_group_topic *groups;
    struct kd_txn_topic *txns;
    struct kb_list config_watches; /* configs.h */

    struct kd_listeners listeners;
    char cluster_id[64];
    char log_dir[PATH_MAX]; /* as clients are told */
    int32_t controller_epoch;
    int32_t controller_version; /* of its node: every controller write checks it */
    bool stopping;
};

#endif
