/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log/dump.h"
#include "broker/store/layout.h"
#include "cli/commands.h"
#include "cli/log/files.h"
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Lines -------------------------------------------------------------------------------*/

void dump_begin(struct dump *d, const char *kind)
{
    if (!d->args->json) {
        out_format(d->args->out, "%s", kind);
        return;
    }
    js_open(&d->json, NULL, '{');
    js_text(&d->json, "dir", d->dir);
    js_text(&d->json, "file", d->name);
    js_text(&d->json, "kind", kind);
}

void dump_number(struct dump *d, const char *key, int64_t value)
{
    if (d->args->json)
        js_number(&d->json, key, value);
    else
        out_format(d->args->out, " %s %" PRId64, key, value);
}

void dump_text(struct dump *d, const char *key, const char *value)
{
    if (d->args->json)
        js_text(&d->json, key, value);
    else
        out_format(d->args->out, " %s %s", key, value);
}

void dump_end(struct dump *d)
{
    if (d->args->json) {
        js_close(&d->json, '}');
        js_end(&d->json);
    } else {
        out_char(d->args->out, '\n');
    }
}

void dump_damage(struct dump *d, int64_t position, const char *why)
{
    d->status = EXIT_FAILED;
    out_colour(d->args->out, OUT_BAD);
    dump_begin(d, "damage");
    if (position >= 0)
        dump_number(d, "position", position);
    dump_text(d, "why", why);
    if (!d->args->json)
        out_colour(d->args->out, OUT_PLAIN);
    dump_end(d);
}

bool dump_enough(const struct dump *d)
{
    return (d->args->count >= 0 && d->printed >= d->args->count) || d->args->out->error ||
           cli_stopping();
}

/* ---- Files -------------------------------------------------------------------------------*/

typedef void dump_fn(struct dump *d, int64_t offset);

static dump_fn *const by_suffix[KD_SUFFIXES] = {
    [KD_SUFFIX_LOG] = dump_batches,          [KD_SUFFIX_INDEX] = dump_index,
    [KD_SUFFIX_TIMEINDEX] = dump_time_index, [KD_SUFFIX_TXNINDEX] = dump_aborted,
    [KD_SUFFIX_SNAPSHOT] = dump_producers,   [KD_SUFFIX_CUT] = dump_batches,
};

static const struct {
    const char *name;
    dump_fn *dump;
} by_name[] = {
    {KD_EPOCHS_FILE, dump_epochs},         {KD_PARTITION_FILE, dump_properties},
    {KD_META_FILE, dump_properties},       {KD_RECOVERY_POINTS_FILE, dump_checkpoint},
    {KD_LOG_STARTS_FILE, dump_checkpoint}, {KD_HIGH_WATERMARKS_FILE, dump_checkpoint},
};

static dump_fn *find(const char *name, int64_t *offset)
{
    enum kd_suffix suffix;
    *offset = 0;
    for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
        if (!strcmp(name, by_name[i].name))
            return by_name[i].dump;
    return kd_file_parse(name, offset, &suffix) ? by_suffix[suffix] : NULL;
}

static bool dump_file(struct dump *d, const char *name)
{
    int64_t offset;
    dump_fn *dump = find(name, &offset);
    if (!dump)
        return false;
    d->name = name;
    d->printed = 0;
    if (!d->args->json) {
        out_colour(d->args->out, OUT_HEAD);
        out_format(d->args->out, "%s/%s", d->dir, name);
        out_colour(d->args->out, OUT_PLAIN);
        out_char(d->args->out, '\n');
    }
    dump(d, offset);
    return true;
}

/* A directory of logs leads to theirs: one step down, no further. */
static int dump_dir(const struct args *args, const char *path, bool deeper)
{
    struct log_dir dir;
    char topic[KD_TOPIC_MAX + 1];
    int32_t partition;
    int status = log_dir_open(&dir, path);
    status = status < 0 ? cli_fail("%s: %s", path, strerror(-status)) : 0;
    for (size_t i = 0; i < dir.count && dir.is_dir && !cli_stopping(); i++) {
        const char *name = dir.names[i];
        struct dump d = {.args = args, .json = js_to(args->out), .fs = dir.fs, .dir = path};
        if (!dir.is_dir[i]) {
            dump_file(&d, name);
            status |= d.status;
        } else if (deeper && kd_dir_parse(name, topic, &partition) != KD_DIR_OTHER) {
            char *below = log_path(path, name);
            status |= below ? dump_dir(args, below, false) : cli_fail("out of memory");
            free(below);
        }
    }
    log_dir_close(&dir);
    return status;
}

static int dump_alone(const struct args *args, const char *path)
{
    char *copy = strdup(path), *other = strdup(path);
    struct dump d = {.args = args, .json = js_to(args->out)};
    if (!copy || !other) {
        d.status = cli_fail("out of memory");
    } else {
        d.dir = dirname(copy);
        int status = kb_fs_posix_new(d.dir, &d.fs);
        if (status < 0)
            d.status = cli_fail("%s: %s", path, strerror(-status));
        else if (!dump_file(&d, basename(other)))
            d.status = cli_fail("%s: no file of a log has such a name", path);
    }
    if (d.fs)
        d.fs->ops->free(d.fs);
    free(copy);
    free(other);
    return d.status;
}

static int run(struct args *args)
{
    int status = 0;
    for (int i = 0; i < args->operand_count && !cli_stopping(); i++) {
        const char *path = args->operands[i];
        struct stat st;
        if (stat(path, &st))
            status = cli_fail("%s: %s", path, strerror(errno));
        else
            status |= S_ISDIR(st.st_mode) ? dump_dir(args, path, true) : dump_alone(args, path);
    }
    return cli_stopping() ? EXIT_INTERRUPTED : status;
}

const struct command log_dump_command = {
    .name = "log dump",
    .operands = "DIR|FILE...",
    .doc = "prints what the files of a log hold",
    .flags = "records count from json",
    .run = run,
    .about = "DIR is that of a partition, or one that has such in it; FILE is one of theirs: .log, "
             ".index, .timeindex, .txnindex, .snapshot, a checkpoint. Batches are printed with "
             "position and size in the file; -r adds their records, -o N leaves out batches below "
             "an offset, -c N prints no more than so many of a file. Where a file is damaged the "
             "first byte that makes no sense is named, and the exit status is 1. -J prints an "
             "object on a line for each.",
};
