/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log/verify.h"
#include "broker/store/checkpoint.h"
#include "broker/store/layout.h"
#include "cli/commands.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct verification {
    const struct args *args;
    struct verdict verdict; /* of the directory in hand */
    struct progress progress;
    int64_t logs, bad_logs;
    int status;
};

/* ---- What came of a directory -------------------------------------------------------------*/

static void print_text(const struct args *args, const char *path, const struct verdict *v)
{
    struct out *out = args->out;
    size_t told = v->fault_count < VERIFY_FAULTS ? v->fault_count : VERIFY_FAULTS;
    for (size_t i = 0; i < told; i++) {
        const struct fault *fault = &v->faults[i];
        out_colour(out, OUT_BAD);
        out_format(out, "bad  %s/%s", path, fault->file);
        if (fault->byte >= 0)
            out_format(out, " at byte %" PRId64, fault->byte);
        out_format(out, ": %s", fault->why);
        out_colour(out, OUT_PLAIN);
        out_char(out, '\n');
    }
    if (v->fault_count)
        return;
    out_colour(out, OUT_GOOD);
    out_text(out, "ok");
    out_colour(out, OUT_PLAIN);
    out_format(out, "   %s  %" PRId64 " segments, %" PRId64 " batches, %" PRId64 " records", path,
               v->segments, v->batches, v->records);
    if (v->first_offset >= 0)
        out_format(out, ", offsets %" PRId64 "-%" PRId64, v->first_offset, v->end_offset - 1);
    out_char(out, '\n');
}

static void print_json(const struct args *args, const char *path, const struct verdict *v)
{
    struct js json = js_to(args->out);
    js_open(&json, NULL, '{');
    js_text(&json, "dir", path);
    js_bool(&json, "ok", v->fault_count == 0);
    js_number(&json, "segments", v->segments);
    js_number(&json, "batches", v->batches);
    js_number(&json, "records", v->records);
    js_number(&json, "bytes", v->bytes);
    js_number(&json, "first_offset", v->first_offset);
    js_number(&json, "end_offset", v->end_offset);
    js_open(&json, "faults", '[');
    for (size_t i = 0; i < v->fault_count && i < VERIFY_FAULTS; i++) {
        js_open(&json, NULL, '{');
        js_text(&json, "file", v->faults[i].file);
        js_number(&json, "byte", v->faults[i].byte);
        js_text(&json, "why", v->faults[i].why);
        js_close(&json, '}');
    }
    js_close(&json, ']');
    js_close(&json, '}');
    js_end(&json);
}

static void report(struct verification *v, const char *path)
{
    progress_end(&v->progress);
    if (v->args->json || v->verdict.fault_count || v->args->verbosity)
        (v->args->json ? print_json : print_text)(v->args, path, &v->verdict);
    out_flush(v->args->out);
    v->logs++;
    v->bad_logs += v->verdict.fault_count != 0;
}

/* ---- A directory of logs -------------------------------------------------------------------*/

static const char *const checkpoints[] = {KD_RECOVERY_POINTS_FILE, KD_LOG_STARTS_FILE,
                                          KD_HIGH_WATERMARKS_FILE, KD_CLEAN_ENDS_FILE, NULL};

static void verify_checkpoints(struct verification *v, struct log_dir *dir)
{
    v->verdict = (struct verdict){.first_offset = -1, .end_offset = -1};
    for (size_t i = 0; checkpoints[i]; i++) {
        struct kd_checkpoint checkpoint;
        struct kb_error err;
        struct kb_stat st;
        if (dir->fs->ops->stat(dir->fs, checkpoints[i], &st) < 0 || st.size == 0)
            continue; /* there need be none; Kafka's are empty before it wrote any */
        if (kd_checkpoint_load(dir->fs, checkpoints[i], &checkpoint, &err))
            verify_fault(&v->verdict, checkpoints[i], 0, "%s", err.text);
        kd_checkpoint_deinit(&checkpoint);
    }
    if (v->verdict.fault_count)
        report(v, dir->path);
}

static void verify_dir(struct verification *v, const char *path, bool deeper);

static void verify_below(struct verification *v, struct log_dir *dir)
{
    char topic[KD_TOPIC_MAX + 1];
    int32_t partition;
    verify_checkpoints(v, dir);
    for (size_t i = 0; i < dir->count && !cli_stopping(); i++) {
        if (!dir->is_dir[i] || kd_dir_parse(dir->names[i], topic, &partition) != KD_DIR_LOG)
            continue;
        char *below = log_path(dir->path, dir->names[i]);
        if (below)
            verify_dir(v, below, false);
        else
            v->status = cli_fail("out of memory");
        free(below);
    }
}

/* By its files, whatever it is called. */
static bool is_log(const struct log_dir *dir)
{
    enum kd_suffix suffix;
    int64_t base;
    for (size_t i = 0; i < dir->count; i++)
        if (kd_file_parse(dir->names[i], &base, &suffix))
            return true;
    return log_dir_has(dir, KD_PARTITION_FILE);
}

static void verify_dir(struct verification *v, const char *path, bool deeper)
{
    struct log_dir dir;
    int status = log_dir_open(&dir, path);
    if (status < 0) {
        v->status = cli_fail("%s: %s", path, strerror(-status));
    } else if (!is_log(&dir)) {
        if (deeper)
            verify_below(v, &dir);
    } else {
        verify_partition(&v->verdict, &dir, &v->progress);
        if (!cli_stopping())
            report(v, path);
    }
    log_dir_close(&dir);
}

static int run(struct args *args)
{
    struct verification *v = calloc(1, sizeof *v);
    if (!v)
        return cli_fail("out of memory");
    v->args = args;
    progress_begin(&v->progress, args, "verified", -1);
    v->progress.unit = "batches";
    for (int i = 0; i < args->operand_count && !cli_stopping(); i++) {
        int64_t before = v->logs;
        verify_dir(v, args->operands[i], true);
        if (v->logs == before && !v->status && !cli_stopping())
            v->status = cli_fail("%s: there is no log in it", args->operands[i]);
    }
    progress_end(&v->progress);
    int status = v->status;
    if (v->bad_logs)
        status =
            cli_fail("%" PRId64 " of %" PRId64 " directories are damaged; nothing was changed. A "
                     "broker that starts cuts off what an unclean stop left unfinished",
                     v->bad_logs, v->logs);
    free(v);
    return cli_stopping() ? EXIT_INTERRUPTED : status;
}

const struct command log_verify_command = {
    .name = "log verify",
    .operands = "DIR...",
    .doc = "checks checksums, offsets and indexes",
    .flags = "quiet json",
    .run = run,
    .about = "DIR is that of a partition, or one that has such in it. Each batch's checksum is "
             "checked, its records are unpacked, offsets must rise within and across segments, "
             "each entry of an index must lead to its batch, snapshots and checkpoints must be "
             "whole. The first byte that makes no sense is named for each file; the exit status is "
             "1 then. -q names damaged logs only.",
};
