/* SPDX-License-Identifier: Apache-2.0 */
/* The small files of a log: indexes, snapshots of producers, checkpoints. */
#include "base/mem.h"
#include "broker/core/epochs.h"
#include "broker/core/producer_state.h"
#include "broker/store/checkpoint.h"
#include "cli/log/dump.h"
#include "cli/log/files.h"
#include "wire/be.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1 << 28 };

/* kb_free it. NULL after the complaint. */
static char *load(struct dump *d, size_t *size)
{
    char *data = NULL;
    int status = kb_fs_load(d->fs, d->name, FILE_MAX_BYTES, &data, size);
    if (status < 0)
        dump_damage(d, -1, strerror(-status));
    return status < 0 ? NULL : data;
}

/* ---- Files of entries of one size ---------------------------------------------------------*/

typedef void entry_fn(struct dump *d, const uint8_t *at, int64_t base_offset);

static void each_entry(struct dump *d, int64_t base_offset, size_t entry_bytes, entry_fn *print)
{
    size_t size = 0, at = 0;
    char *data = load(d, &size);
    if (data)
        size = log_index_used(data, size, entry_bytes);
    for (; data && at + entry_bytes <= size && !dump_enough(d); at += entry_bytes) {
        print(d, (const uint8_t *)data + at, base_offset);
        d->printed++;
    }
    if (data && size % entry_bytes && !dump_enough(d))
        dump_damage(d, (int64_t)at, "an entry that is not all there");
    kb_free(data);
}

static void print_index(struct dump *d, const uint8_t *at, int64_t base_offset)
{
    dump_begin(d, "index");
    dump_number(d, "offset", base_offset + kw_get_be32(at));
    dump_number(d, "position", kw_get_be32(at + 4));
    dump_end(d);
}

void dump_index(struct dump *d, int64_t base_offset)
{
    each_entry(d, base_offset, 8, print_index);
}

static void print_time(struct dump *d, const uint8_t *at, int64_t base_offset)
{
    dump_begin(d, "timeindex");
    dump_number(d, "timestamp", (int64_t)kw_get_be64(at));
    dump_number(d, "offset", base_offset + kw_get_be32(at + 8));
    dump_end(d);
}

void dump_time_index(struct dump *d, int64_t base_offset)
{
    each_entry(d, base_offset, 12, print_time);
}

/* Version 0: producer, first and last offset, last stable offset. */
static void print_aborted(struct dump *d, const uint8_t *at, int64_t base_offset)
{
    (void)base_offset;
    dump_begin(d, "aborted");
    dump_number(d, "producer_id", (int64_t)kw_get_be64(at + 2));
    dump_number(d, "first_offset", (int64_t)kw_get_be64(at + 10));
    dump_number(d, "last_offset", (int64_t)kw_get_be64(at + 18));
    dump_number(d, "last_stable_offset", (int64_t)kw_get_be64(at + 26));
    dump_end(d);
}

void dump_aborted(struct dump *d, int64_t base_offset)
{
    each_entry(d, base_offset, 34, print_aborted);
}

/* ---- Producers ---------------------------------------------------------------------------*/

static void print_producer(struct dump *d, const struct kd_producer *producer)
{
    dump_begin(d, "producer");
    dump_number(d, "id", producer->id);
    dump_number(d, "epoch", producer->epoch);
    dump_number(d, "batches", producer->count);
    if (producer->count) {
        const struct kd_producer_batch *last = &producer->last[producer->count - 1];
        dump_number(d, "last_sequence", last->last_sequence);
        dump_number(d, "last_offset", last->last_offset);
        dump_number(d, "timestamp", last->timestamp_ms);
    }
    dump_number(d, "coordinator_epoch", producer->coordinator_epoch);
    dump_number(d, "transaction_start", producer->txn_first_offset);
    dump_end(d);
}

void dump_producers(struct dump *d, int64_t offset)
{
    struct kd_producers producers;
    struct kb_map_entry *entry = NULL;
    size_t size;
    char *data = load(d, &size);
    (void)offset;
    if (!data)
        return;
    kd_producers_init(&producers, 0);
    if (kd_producers_decode(&producers, kb_slice_of(data, size), 0))
        dump_damage(d, 0, "no snapshot of producers, or one whose checksum does not hold");
    while ((entry = kb_map_next(&producers.by_id, entry)) && !dump_enough(d)) {
        print_producer(d, KB_CONTAINER(entry, struct kd_producer, by_id));
        d->printed++;
    }
    kd_producers_deinit(&producers);
    kb_free(data);
}

/* ---- Checkpoints --------------------------------------------------------------------------*/

void dump_epochs(struct dump *d, int64_t none)
{
    struct kd_epochs epochs;
    size_t size;
    char *data = load(d, &size);
    (void)none;
    if (!data)
        return;
    kd_epochs_init(&epochs);
    if (kd_epochs_parse(&epochs, kb_slice_of(data, size)))
        dump_damage(d, 0, "no checkpoint of leader epochs");
    for (size_t i = 0; i < epochs.count && !dump_enough(d); i++, d->printed++) {
        dump_begin(d, "leader");
        dump_number(d, "epoch", epochs.entries[i].epoch);
        dump_number(d, "start_offset", epochs.entries[i].start_offset);
        dump_end(d);
    }
    kd_epochs_deinit(&epochs);
    kb_free(data);
}

void dump_checkpoint(struct dump *d, int64_t none)
{
    struct kd_checkpoint checkpoint;
    struct kb_error err;
    struct kb_stat st;
    (void)none;
    if (d->fs->ops->stat(d->fs, d->name, &st) >= 0 && st.size == 0)
        return; /* Kafka's, before it wrote any */
    if (kd_checkpoint_load(d->fs, d->name, &checkpoint, &err))
        dump_damage(d, 0, err.text);
    for (size_t i = 0; i < checkpoint.count && !dump_enough(d); i++, d->printed++) {
        dump_begin(d, "checkpoint");
        dump_text(d, "topic", checkpoint.entries[i].topic);
        dump_number(d, "partition", checkpoint.entries[i].partition);
        dump_number(d, "offset", checkpoint.entries[i].offset);
        dump_end(d);
    }
    kd_checkpoint_deinit(&checkpoint);
}

/* ---- Text ----------------------------------------------------------------------------------*/

void dump_properties(struct dump *d, int64_t none)
{
    size_t size;
    char *data = load(d, &size), *save = NULL;
    (void)none;
    if (!data)
        return;
    for (char *line = strtok_r(data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (!d->args->json) {
            out_format(d->args->out, "%s\n", line);
            continue;
        }
        dump_begin(d, "property");
        dump_text(d, "line", line);
        dump_end(d);
    }
    kb_free(data);
}
