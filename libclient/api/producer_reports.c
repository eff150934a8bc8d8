/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery reports: batches that are done, told record by record. */
#include "base/mem.h"
#include "libclient/api/error.h"
#include "libclient/drive/producer.h"

enum { EACH_MANY = 64 };

_Static_assert((int)KURIER_POSSIBLY_PERSISTED == KC_POSSIBLY_PERSISTED &&
                   (int)KURIER_PERSISTED == KC_WAS_PERSISTED,
               "one meaning under two names");

static kurier_bytes bytes_of(struct kb_slice s)
{
    return kurier_bytes_of(s.data, s.size);
}

/* ---- Walking a batch ------------------------------------------------------------------ */

static uint32_t words_of(const struct kc_send_partition *p)
{
    return p->slot.words;
}

static void begin(struct kc_report_walk *walk, struct kc_send_batch *batch)
{
    const struct kc_send_partition *p = batch->home;
    walk->batch = batch;
    walk->at = 0;
    walk->readable = false;
    if (batch->outcome.code)
        walk->readable = kc_send_reader_init(&walk->reader, batch, words_of(p));
    if (!walk->readable)
        kc_notes_iter_init(&walk->notes, batch);
}

static void end(struct kurier_producer *producer)
{
    struct kc_report_walk *walk = &producer->walk;
    if (!walk->batch)
        return;
    if (walk->readable)
        kc_send_reader_deinit(&walk->reader);
    kc_reports_drop(&producer->sender.reports, walk->batch);
    walk->batch = NULL;
}

static uint64_t next_opaque(struct kc_report_walk *walk)
{
    const struct kc_send_batch *batch = walk->batch;
    if (walk->readable) {
        kc_send_reader_next(&walk->reader);
        return walk->reader.opaque;
    }
    if (!batch->notes || walk->at < batch->first_noted)
        return 0;
    uint64_t opaque = kc_notes_iter_next(&walk->notes);
    const struct kc_send_partition *p = batch->home;
    if (words_of(p) > 1)
        kc_notes_iter_next(&walk->notes);
    return opaque;
}

static void show_record(const struct kc_send_reader *from, kurier_record *out)
{
    *out = (kurier_record){.key = bytes_of(from->record.key),
                           .value = bytes_of(from->record.value),
                           .raw_headers = bytes_of(from->record.raw_headers),
                           .timestamp_ms = from->record.timestamp_ms,
                           .opaque = from->opaque,
                           .partition = -1};
}

/* False: none is due for this record. */
static bool tell(struct kurier_producer *producer, kurier_report *out, kurier_record *record)
{
    struct kc_report_walk *walk = &producer->walk;
    const struct kc_send_batch *batch = walk->batch;
    const struct kc_send_partition *p = batch->home;
    const struct kc_outcome *outcome = &batch->outcome;
    uint64_t opaque = next_opaque(walk);
    int32_t at = walk->at++;
    if (opaque == producer->syncs.told) {
        walk->told++; /* by send_wait */
        return false;
    }
    if (!opaque && !outcome->code)
        return false;
    *out = (kurier_report){
        .opaque = opaque,
        .topic = KB_CONTAINER(p->topic, struct kurier_topic, send),
        .partition = p->index,
        .code = (kurier_code)outcome->code,
        .persisted = (kurier_persisted)outcome->persisted,
        .attempts = batch->attempts,
        .offset = outcome->code || outcome->offset < 0 ? -1 : outcome->offset + at,
        .timestamp_ms = outcome->timestamp_ms,
    };
    if (walk->readable) {
        show_record(&walk->reader, record);
        record->topic = out->topic->name;
        record->partition = p->index;
        out->timestamp_ms = record->timestamp_ms;
        out->record = record;
    }
    return true;
}

/* ---- Poll ------------------------------------------------------------------------------- */

static bool make_records(struct kc_report_walk *walk, size_t max)
{
    if (max <= walk->record_room)
        return true;
    kurier_record *records = kb_realloc(walk->records, max * sizeof *records);
    if (!records)
        return false;
    walk->records = records;
    walk->record_room = max;
    return true;
}

/* Failed reports show their batch's records: one such batch per poll, since its
 * views live until the next. */
static size_t collect(struct kurier_producer *producer, kurier_report *out, size_t max)
{
    struct kc_report_walk *walk = &producer->walk;
    struct kc_reports *reports = &producer->sender.reports;
    size_t count = 0;
    while (count < max) {
        if (walk->batch && walk->at == walk->batch->record_count) {
            if (walk->readable && count > 0)
                break;
            end(producer);
        }
        if (!walk->batch) {
            struct kc_send_batch *batch = kc_reports_take(reports);
            if (!batch)
                break;
            begin(walk, batch);
        }
        int32_t from = walk->at;
        walk->told = 0;
        while (count < max && walk->at < walk->batch->record_count)
            count += tell(producer, &out[count], &walk->records[count]);
        kc_reports_finished(reports, (uint64_t)(walk->at - from - walk->told));
    }
    return count;
}

static bool any(void *ctx)
{
    struct kurier_producer *producer = ctx;
    const struct kc_report_walk *walk = &producer->walk;
    return (walk->batch && walk->at < walk->batch->record_count) ||
           kc_reports_any(&producer->sender.reports);
}

/* Reports may come between the look and the clearing of the bit: look again. */
static void settle_pending(struct kurier_producer *producer)
{
    if (any(producer))
        return;
    kc_client_unpend(producer->client, KURIER_REPORTS);
    if (any(producer))
        kc_client_pend(producer->client, KURIER_REPORTS);
}

static size_t poll_once(struct kurier_producer *producer, kurier_report *out, size_t max)
{
    size_t count = make_records(&producer->walk, max) ? collect(producer, out, max) : 0;
    settle_pending(producer);
    return count;
}

size_t kurier_producer_poll(kurier_producer *producer, kurier_report *out, size_t max,
                            int timeout_ms, kurier_error *err)
{
    struct kb_error *e = kc_error(err);
    if (max == 0 || kc_client_check(producer->client, e))
        return 0;
    size_t count = poll_once(producer, out, max);
    if (count || timeout_ms == 0)
        return count;
    int64_t deadline_ms = kb_deadline(kc_runtime_now(producer->client->runtime), timeout_ms);
    for (;;) {
        int64_t left = kb_time_left(kc_runtime_now(producer->client->runtime), deadline_ms);
        int code = kc_wait(&producer->client->waits, producer->client->runtime, KURIER_REPORTS, any,
                           producer, (int)KB_MIN(left, (int64_t)INT32_MAX), e);
        if (code == KB_E_TIMED_OUT)
            kb_error_clear(e); /* there was merely nothing */
        if (code)
            return 0;
        count = poll_once(producer, out, max);
        if (count)
            return count;
    }
}

size_t kurier_producer_each(kurier_producer *producer, kurier_report_fn *fn, void *ctx,
                            int timeout_ms, kurier_error *err)
{
    kurier_report reports[EACH_MANY];
    size_t total = 0, n = kurier_producer_poll(producer, reports, EACH_MANY, timeout_ms, err);
    while (n) {
        for (size_t i = 0; i < n; i++)
            fn(ctx, &reports[i]);
        total += n;
        n = kurier_producer_poll(producer, reports, EACH_MANY, 0, NULL);
    }
    return total;
}

void kurier_report_error(const kurier_report *report, kurier_error *out)
{
    static const char *const fate[] = {[KURIER_NOT_PERSISTED] = "not written",
                                       [KURIER_POSSIBLY_PERSISTED] = "perhaps written",
                                       [KURIER_PERSISTED] = "written"};
    struct kb_error *e = kc_error(out), trouble;
    if (!report->code)
        return;
    bool waited =
        (int)report->code == KB_E_TIMED_OUT || (int)report->code == KB_E_UNSUPPORTED_VERSION;
    bool told = waited && kc_trouble_last(report->topic->producer->client, &trouble);
    kb_error_set(e, report->code, "%s[%d]: %s (%s)%s%s", report->topic->name, report->partition,
                 kb_code_text(report->code), fate[report->persisted], told ? ": " : "",
                 told ? trouble.text : "");
}
