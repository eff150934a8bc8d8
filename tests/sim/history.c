/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/history.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "wire/be.h"

#include <stdio.h>

enum { ID_BYTES = 8, SMALL_MAX = 400, LARGE_ONE_IN = 24, BATCH_BYTES = 61, RECORD_BYTES = 40 };

void history_init(struct history *h, uint64_t seed, const int64_t *ahead_ms)
{
    *h = (struct history){.seed = seed, .ahead_ms = ahead_ms, .newest_producer = -1, .read_ms = -1};
}

void history_deinit(struct history *h)
{
    for (int topic = 0; topic < h->topic_count; topic++)
        for (int i = 0; i < HISTORY_PARTITIONS; i++) {
            kb_free(h->topics[topic].logs[i].seen.ids);
            kb_free(h->topics[topic].logs[i].last.ids);
        }
    kb_free(h->records);
}

int history_topic(struct history *h, const char *name)
{
    for (int i = 0; i < h->topic_count; i++)
        if (!strcmp(h->topics[i].name, name))
            return i;
    KB_CHECK(h->topic_count < HISTORY_TOPICS);
    struct history_topic *topic = &h->topics[h->topic_count];
    *topic = (struct history_topic){
        .deleted_ms = -1, .made_ms = -1, .retention_ms = -1, .retention_bytes = -1};
    snprintf(topic->name, sizeof topic->name, "%s", name);
    return h->topic_count++;
}

/* ---- Lanes -------------------------------------------------------------- */

int history_lane(struct history *h, const struct history_lane *lane)
{
    KB_CHECK(h->lane_count < HISTORY_LANES);
    h->lanes[h->lane_count] = *lane;
    return h->lane_count++;
}

void history_lane_dies(struct history *h, int lane)
{
    for (uint64_t i = 0; i < h->count; i++)
        h->open -= h->records[i].lane == lane && !h->records[i].tellings;
    h->lanes[lane].dead = true;
}

/* ---- Sent --------------------------------------------------------------- */

uint64_t history_send(struct history *h, int lane, int topic, int32_t partition, int64_t now_ms)
{
    KB_CHECK(lane < h->lane_count && topic < h->topic_count && partition < HISTORY_PARTITIONS);
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? h->capacity * 2 : 256;
        h->records = kb_realloc(h->records, h->capacity * sizeof *h->records);
        KB_CHECK(h->records);
    }
    h->records[h->count++] = (struct history_record){.topic = (int8_t)topic,
                                                     .partition = (int8_t)partition,
                                                     .lane = (uint8_t)lane,
                                                     .key = -1,
                                                     .sent_ms = now_ms,
                                                     .told_ms = -1,
                                                     .ahead_ms = *h->ahead_ms,
                                                     .offset = -1};
    h->open++;
    return h->count;
}

void history_key(struct history *h, uint64_t id, int key)
{
    KB_CHECK(id >= 1 && id <= h->count && key >= 0 && key < HISTORY_KEYS);
    h->records[id - 1].key = (int8_t)key;
}

void history_unsend(struct history *h, uint64_t id)
{
    KB_CHECK(id == h->count && h->records[id - 1].tellings == 0);
    h->count--;
    h->open--;
}

struct kb_slice history_value(const struct history *h, uint64_t id, uint8_t *room)
{
    struct kb_random random;
    kb_random_seed(&random, h->seed ^ id * 0x9e3779b97f4a7c15u);
    uint64_t bound =
        kb_random_below(&random, LARGE_ONE_IN) ? SMALL_MAX : HISTORY_VALUE_MAX - ID_BYTES;
    size_t size = ID_BYTES + (size_t)kb_random_below(&random, bound + 1);
    kw_put_be64(room, id);
    for (size_t i = ID_BYTES; i < size; i += sizeof(uint64_t)) { /* compresses well */
        uint64_t word = (kb_random_next(&random) & 0xff) * 0x0101010101010101;
        memcpy(room + i, &word, KB_MIN(sizeof word, size - i));
    }
    return kb_slice_of(room, size);
}

/* ---- Told and seen ------------------------------------------------------ */

uint64_t history_id(struct history *h, int topic, int32_t partition, struct kb_slice value)
{
    uint8_t room[HISTORY_VALUE_MAX];
    uint64_t id = value.size >= ID_BYTES ? kw_get_be64(value.data) : 0;
    struct history_record *record = id >= 1 && id <= h->count ? &h->records[id - 1] : NULL;
    if (!record || record->topic != topic)
        return 0;
    if (record->partition >= 0 && record->partition != partition)
        return 0;
    if (!kb_slice_equal(value, history_value(h, id, room)))
        return 0;
    record->partition = (int8_t)partition;
    record->size = (uint16_t)value.size;
    return id;
}

static void reach(struct history_view *view, int64_t end)
{
    int64_t capacity = KB_MAX(view->capacity, 64);
    while (capacity < end)
        capacity *= 2;
    if (capacity > view->capacity) {
        view->ids = kb_realloc(view->ids, (size_t)capacity * sizeof *view->ids);
        KB_CHECK(view->ids);
        memset(view->ids + view->capacity, 0,
               (size_t)(capacity - view->capacity) * sizeof *view->ids);
        view->capacity = capacity;
    }
    view->end = KB_MAX(view->end, end);
}

void history_view_put(struct history_view *view, int64_t offset, uint64_t id)
{
    reach(view, offset + 1);
    view->ids[offset] = id;
}

static struct history_log *log_of(struct history *h, int topic, int32_t partition)
{
    KB_CHECK(topic < h->topic_count && partition >= 0 && partition < HISTORY_PARTITIONS);
    return &h->topics[topic].logs[partition];
}

void history_tell(struct history *h, uint64_t id, const struct history_telling *telling,
                  int64_t now_ms)
{
    KB_CHECK(id >= 1 && id <= h->count);
    struct history_record *record = &h->records[id - 1];
    h->open -= record->tellings++ == 0;
    record->told = (uint8_t)telling->told;
    record->offset = telling->offset;
    record->told_ms = now_ms;
    if (record->partition < 0)
        record->partition = (int8_t)telling->partition;
    const struct history_topic *topic = &h->topics[record->topic];
    bool stays = !topic->deleting && record->sent_ms > topic->deleted_ms;
    if (telling->told == HISTORY_ACKED && telling->offset >= 0 && stays) {
        struct history_log *log = log_of(h, record->topic, telling->partition);
        log->acked_end = KB_MAX(log->acked_end, telling->offset + 1);
    }
    h->acked += telling->told == HISTORY_ACKED;
}

void history_repeats(struct history *h, struct kb_slice value)
{
    uint64_t id = value.size >= ID_BYTES ? kw_get_be64(value.data) : 0;
    KB_CHECK(id >= 1 && id <= h->count);
    h->records[id - 1].repeated = true;
}

/* Another record was there before: right only if that one's topic is gone. */
static bool may_change(const struct history *h, uint64_t before)
{
    const struct history_record *record = &h->records[before - 1];
    const struct history_topic *topic = &h->topics[record->topic];
    return topic->deleting || record->sent_ms <= topic->deleted_ms;
}

void history_serve(struct history *h, int topic, int32_t partition, int64_t offset,
                   struct kb_slice value)
{
    struct history_log *log = log_of(h, topic, partition);
    uint64_t id = history_id(h, topic, partition, value);
    h->served++;
    h->strange += id == 0;
    if (id)
        h->records[id - 1].served++;
    reach(&log->seen, offset + 1);
    uint64_t before = log->seen.ids[offset];
    h->changed += before && before != id && !may_change(h, before);
    log->seen.ids[offset] = id;
}

void history_find(struct history *h, int topic, int32_t partition, int64_t offset,
                  struct kb_slice value)
{
    struct history_log *log = log_of(h, topic, partition);
    uint64_t id = history_id(h, topic, partition, value);
    if (log->last.end == 0)
        log->last.start = offset;
    h->strange += id == 0;
    h->reappeared += offset < log->trim_done;
    history_view_put(&log->last, offset, id);
    if (!id)
        return;
    h->records[id - 1].found++;
    if (h->records[id - 1].key >= 0)
        log->newest[h->records[id - 1].key] = offset + 1;
}

void history_producer(struct history *h, int64_t id)
{
    h->reused += id <= h->newest_producer;
    h->newest_producer = KB_MAX(h->newest_producer, id);
}

/* ---- What may be gone --------------------------------------------------- */

void history_made(struct history *h, int topic, int32_t partitions, int64_t now_ms)
{
    struct history_topic *made = &h->topics[topic];
    bool anew = made->made_ms <= made->deleted_ms;
    made->partitions_min = anew ? partitions : KB_MAX(made->partitions_min, partitions);
    made->made_ms = now_ms;
}

void history_deletes(struct history *h, int topic)
{
    h->topics[topic].deleting = true;
}

void history_deleted(struct history *h, int topic, int64_t until_ms)
{
    struct history_topic *deleted = &h->topics[topic];
    deleted->deleting = false;
    deleted->deleted_ms = KB_MAX(deleted->deleted_ms, until_ms);
    for (int i = 0; i < HISTORY_PARTITIONS; i++)
        deleted->logs[i].trim_asked = deleted->logs[i].trim_done = deleted->logs[i].acked_end = 0;
}

void history_trims(struct history *h, int topic, int32_t partition, int64_t offset)
{
    struct history_log *log = log_of(h, topic, partition);
    log->trim_asked = KB_MAX(log->trim_asked, offset);
}

void history_trimmed(struct history *h, int topic, int32_t partition, int64_t offset)
{
    struct history_log *log = log_of(h, topic, partition);
    log->trim_done = KB_MAX(log->trim_done, offset);
}

/* At most, stored by itself and not compressed. */
static int64_t stored_bytes(const struct history *h, uint64_t id)
{
    uint8_t room[HISTORY_VALUE_MAX];
    return (int64_t)history_value(h, id, room).size + RECORD_BYTES + BATCH_BYTES;
}

/* What nobody was told of may be there as well, as large as it can be. */
static void measure(const struct history *h, struct history_log *log, int64_t keeps_bytes,
                    const uint64_t *ids)
{
    int64_t bytes = 0, offset = log->acked_end;
    while (offset > 0 && bytes < keeps_bytes) {
        uint64_t id = ids[--offset];
        bytes += id ? stored_bytes(h, id) : HISTORY_VALUE_MAX + RECORD_BYTES + BATCH_BYTES;
    }
    log->large_below = offset;
}

static void measure_log(struct history *h, int topic, int32_t partition)
{
    struct history_log *log = log_of(h, topic, partition);
    uint64_t *ids = KB_NEW_ARRAY(uint64_t, (size_t)log->acked_end + 1);
    KB_CHECK(ids);
    for (uint64_t i = 0; i < h->count; i++) {
        const struct history_record *record = &h->records[i];
        bool here = record->topic == topic && record->partition == partition;
        if (here && record->told == HISTORY_ACKED && record->offset >= 0)
            ids[record->offset] = i + 1;
    }
    measure(h, log, h->topics[topic].retention_bytes, ids);
    kb_free(ids);
}

void history_ends(struct history *h, int64_t now_ms)
{
    h->read_ms = now_ms;
    for (int topic = 0; topic < h->topic_count; topic++)
        for (int i = 0; i < HISTORY_PARTITIONS && h->topics[topic].retention_bytes >= 0; i++)
            measure_log(h, topic, i);
}

/* By the record's own time, and a clock that a broker believes: the one that it
 * started with, and no jump forward since. */
static int64_t age_ms(const struct history *h, const struct history_record *record)
{
    return h->read_ms + h->started_ahead_ms - record->sent_ms - record->ahead_ms;
}

bool history_may_be_gone(const struct history *h, const struct history_record *record,
                         int64_t offset)
{
    const struct history_topic *topic = &h->topics[record->topic];
    if (topic->deleting || record->sent_ms <= topic->deleted_ms)
        return true;
    if (topic->retention_ms >= 0 && age_ms(h, record) >= topic->retention_ms)
        return true;
    if (offset < 0 || record->partition < 0)
        return false;
    const struct history_log *log = &topic->logs[record->partition];
    if (topic->compacted && record->key >= 0 && offset + 1 < log->newest[record->key])
        return true;
    return offset < KB_MAX(log->trim_asked, log->large_below);
}
