/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/meta/store.h"
#include "base/fs.h"
#include "base/mem.h"
#include "broker/meta/journal_code.h"
#include "cli/cli.h"
#include <errno.h>

#define SNAPSHOT_FILE "kurier-meta/snapshot"
#define LOG_FILE "kurier-meta/log"

enum { MAX_FILE_BYTES = 1 << 30, ATTEMPTS = 20 };

struct files {
    char *snapshot, *log; /* NULL: there is none */
    size_t snapshot_bytes, log_bytes;
};

static void drop(struct files *files)
{
    kb_free(files->snapshot);
    kb_free(files->log);
    *files = (struct files){0};
}

static int load(struct kb_fs *fs, const char *path, char **data, size_t *size)
{
    int status = kb_fs_load(fs, path, MAX_FILE_BYTES, data, size);
    if (status == -ENOENT)
        *data = NULL;
    return status < 0 && status != -ENOENT ? status : 0;
}

static int load_both(struct kb_fs *fs, struct files *out)
{
    int status = load(fs, SNAPSHOT_FILE, &out->snapshot, &out->snapshot_bytes);
    return status < 0 ? status : load(fs, LOG_FILE, &out->log, &out->log_bytes);
}

/* The log goes on from the snapshot that was there before it was read and after. */
static bool same_snapshot(struct kb_fs *fs, const struct files *files)
{
    char *data = NULL;
    size_t size = 0;
    bool same = load(fs, SNAPSHOT_FILE, &data, &size) == 0 && !data == !files->snapshot &&
                (!data || (size == files->snapshot_bytes && !memcmp(data, files->snapshot, size)));
    kb_free(data);
    return same;
}

static int load_together(struct kb_fs *fs, struct files *out)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        int status = load_both(fs, out);
        if (status < 0 || same_snapshot(fs, out))
            return status;
        drop(out);
    }
    return -EBUSY;
}

static int replay(struct kd_tree *tree, const struct files *files)
{
    const uint8_t *log = (const uint8_t *)files->log;
    size_t at = KD_MAGIC_BYTES, size;
    if (files->snapshot &&
        !kd_journal_restore((const uint8_t *)files->snapshot, files->snapshot_bytes, tree))
        return cli_fail(SNAPSHOT_FILE " is damaged");
    if (files->log_bytes < KD_MAGIC_BYTES)
        return 0;
    if (memcmp(log, KD_LOG_MAGIC, KD_MAGIC_BYTES) != 0)
        return cli_fail(LOG_FILE " has another format");
    while ((size = kd_journal_record_size(log + at, files->log_bytes - at)) != 0) {
        if (!kd_journal_replay(log + at, size, tree))
            return cli_fail(LOG_FILE " does not follow its snapshot");
        at += size;
    }
    return 0;
}

int meta_load(struct kd_tree *tree, const char *dir)
{
    struct kb_fs *fs = NULL;
    struct files files = {0};
    int status = kb_fs_posix_new(dir, &fs);
    if (status >= 0)
        status = load_together(fs, &files);
    if (status < 0)
        status = cli_fail("%s: %s", dir, strerror(-status));
    else if (!files.snapshot && !files.log)
        status = cli_fail("%s: no metadata store is in it; a kurierd's data directory (log.dirs) "
                          "is expected",
                          dir);
    else
        status = replay(tree, &files);
    drop(&files);
    if (fs)
        fs->ops->free(fs);
    return status;
}
