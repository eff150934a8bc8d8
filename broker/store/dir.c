/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/dir.h"
#include "base/mem.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { META_MAX_BYTES = 64 * 1024, META_VERSION = 1 };

/* ---- meta.properties ---------------------------------------------------- */

/* The value of "key=value" among lines; false: not there, or too long. */
static bool find_value(const char *text, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, n) || line[n] != '=')
            continue;
        size_t length = strcspn(line + n + 1, "\r\n");
        return length < size && snprintf(out, size, "%.*s", (int)length, line + n + 1) >= 0;
    }
    return false;
}

static int check_meta(struct kd_dir *dir, const char *text, const char *cluster_id, int32_t node_id,
                      struct kb_error *err)
{
    char version[16], node[16];
    if (!find_value(text, "version", version, sizeof version) ||
        strtol(version, NULL, 10) > META_VERSION)
        return kb_error_set(err, KB_E_UNSUPPORTED,
                            KD_META_FILE " is of a newer format; use the version that wrote it");
    if (!find_value(text, "node.id", node, sizeof node) &&
        !find_value(text, "broker.id", node, sizeof node))
        return kb_error_set(err, KB_E_CORRUPT, KD_META_FILE " names no node.id");
    if (strtol(node, NULL, 10) != node_id)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "the log directory belongs to node %s, not to node %" PRId32
                            "; set node.id, or another log.dirs",
                            node, node_id);
    if (!find_value(text, "cluster.id", dir->cluster_id, sizeof dir->cluster_id) ||
        !*dir->cluster_id)
        return kb_error_set(err, KB_E_CORRUPT, KD_META_FILE " names no cluster.id");
    if (cluster_id && strcmp(cluster_id, dir->cluster_id))
        return kb_error_set(err, KB_E_INCONSISTENT_CLUSTER_ID,
                            "the log directory belongs to cluster %s, not to %s", dir->cluster_id,
                            cluster_id);
    return KB_OK;
}

static int read_meta(struct kd_dir *dir, const char *cluster_id, int32_t node_id,
                     struct kb_error *err)
{
    char *text;
    size_t size;
    int status = kb_fs_load(dir->fs, KD_META_FILE, META_MAX_BYTES, &text, &size);
    if (status == -ENOENT)
        return KB_OK;
    if (status < 0)
        return kb_error_errno(err, KB_E_DISK, -status, KD_META_FILE " cannot be read");
    int code = check_meta(dir, text, cluster_id, node_id, err);
    kb_free(text);
    return code;
}

int kd_dir_claim(struct kd_dir *dir, const char *cluster_id, int32_t node_id)
{
    char text[KD_CLUSTER_ID_MAX + 64];
    int n = snprintf(text, sizeof text, "version=%d\ncluster.id=%s\nnode.id=%" PRId32 "\n",
                     META_VERSION, cluster_id, node_id);
    if (n >= (int)sizeof text || strlen(cluster_id) >= sizeof dir->cluster_id)
        return -EINVAL;
    int status = kb_fs_replace(dir->fs, KD_META_FILE, text, (size_t)n);
    if (status >= 0)
        snprintf(dir->cluster_id, sizeof dir->cluster_id, "%s", cluster_id);
    return status < 0 ? status : 0;
}

/* ---- The clean marker --------------------------------------------------- */

/* It must be gone from the disk before anything is written. So must a kill -9
 * have left nothing undecided: a checkpoint that was renamed and not synced is
 * believed below, and what follows from it must not outlive it. */
static int take_marker(struct kd_dir *dir, struct kb_error *err)
{
    int status = dir->fs->ops->unlink(dir->fs, KD_CLEAN_FILE);
    dir->clean = status >= 0;
    if (status >= 0 || status == -ENOENT)
        status = dir->fs->ops->sync_dir(dir->fs, "");
    if (status < 0)
        return kb_error_errno(err, KB_E_DISK, -status, KD_CLEAN_FILE " cannot be taken away");
    return KB_OK;
}

int kd_dir_mark_clean(struct kd_dir *dir)
{
    static const char text[] = "{\"version\":0}";
    int status = kb_fs_replace(dir->fs, KD_CLEAN_FILE, text, sizeof text - 1);
    return status < 0 ? status : 0;
}

/* ---- Open and close ----------------------------------------------------- */

static int read_checkpoints(struct kd_dir *dir, struct kb_error *odd, struct kb_error *err)
{
    int code = kd_checkpoint_load(dir->fs, KD_RECOVERY_POINTS_FILE, &dir->recovery_points, odd);
    if (!code)
        code = kd_checkpoint_load(dir->fs, KD_LOG_STARTS_FILE, &dir->log_starts, odd);
    if (!code)
        code = kd_checkpoint_load(dir->fs, KD_CLEAN_ENDS_FILE, &dir->clean_ends, odd);
    if (code == KB_E_CORRUPT) {
        dir->clean = false;
        return KB_OK;
    }
    if (code)
        *err = *odd;
    return code;
}

int kd_dir_open(struct kd_dir *dir, struct kb_fs *fs, const char *cluster_id, int32_t node_id,
                struct kb_error *odd, struct kb_error *err)
{
    *dir = (struct kd_dir){.fs = fs};
    kb_error_clear(odd);
    int status = fs->ops->lock(fs, KD_LOCK_FILE, &dir->lock);
    if (status < 0) {
        dir->lock = NULL;
        return status == -EAGAIN
                   ? kb_error_set(err, KB_E_BUSY,
                                  "the log directory is in use by another process (" KD_LOCK_FILE
                                  ")")
                   : kb_error_errno(err, KB_E_DISK, -status, KD_LOCK_FILE " cannot be locked");
    }
    int code = read_meta(dir, cluster_id, node_id, err);
    if (!code)
        code = take_marker(dir, err);
    if (!code)
        code = read_checkpoints(dir, odd, err);
    if (code)
        kd_dir_close(dir);
    return code;
}

void kd_dir_close(struct kd_dir *dir)
{
    if (dir->lock)
        dir->fs->ops->close(dir->fs, dir->lock);
    dir->lock = NULL;
    kd_checkpoint_deinit(&dir->recovery_points);
    kd_checkpoint_deinit(&dir->log_starts);
    kd_checkpoint_deinit(&dir->clean_ends);
}

/* ---- Listing ------------------------------------------------------------ */

struct listing {
    kd_dir_each *each;
    void *ctx;
};

static int list_entry(void *ctx, const char *name, bool is_dir)
{
    struct listing *listing = ctx;
    char topic[KD_TOPIC_MAX + 1] = "";
    int32_t partition = -1;
    enum kd_dir_kind kind = is_dir ? kd_dir_parse(name, topic, &partition) : KD_DIR_OTHER;
    if (kind != KD_DIR_OTHER)
        listing->each(listing->ctx, name, kind, topic, partition);
    return 0;
}

int kd_dir_list(struct kd_dir *dir, kd_dir_each *each, void *ctx)
{
    struct listing listing = {each, ctx};
    return dir->fs->ops->list(dir->fs, "", list_entry, &listing);
}

struct removal {
    struct kb_fs *fs;
    const char *dir;
};

static int remove_entry(void *ctx, const char *name, bool is_dir)
{
    struct removal *removal = ctx;
    char path[KD_PATH_MAX];
    if (!is_dir && strlen(removal->dir) + strlen(name) + 2 < sizeof path) {
        kd_path_join(path, removal->dir, name);
        (void)removal->fs->ops->unlink(removal->fs, path);
    }
    return 0;
}

void kd_dir_remove(struct kb_fs *fs, const char *name)
{
    struct removal removal = {fs, name};
    (void)fs->ops->list(fs, name, remove_entry, &removal);
    (void)fs->ops->unlink(fs, name);
}
