/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/fetcher.h"
#include "libclient/core/fetcher_node.h"
#include "base/check.h"
#include "base/mem.h"

void kc_fetcher_init(struct kc_fetcher *fetcher, const struct kc_consumer_options *options,
                     int32_t backoff_ms, int32_t backoff_max_ms, struct kb_random *random)
{
    *fetcher = (struct kc_fetcher){.options = options, .random = random};
    kc_backoff_init(&fetcher->backoff, backoff_ms, backoff_max_ms);
    kb_list_init(&fetcher->fetches);
    kb_list_init(&fetcher->nodes);
}

void kc_fetcher_deinit(struct kc_fetcher *fetcher)
{
    struct kb_list *it;
    while ((it = fetcher->fetches.next) != &fetcher->fetches)
        kc_fetcher_remove(fetcher, KB_CONTAINER(it, struct kc_fetch, all));
    while ((it = kb_list_pop_front(&fetcher->nodes)))
        kb_free(KB_CONTAINER(it, struct kc_fetcher_node, all));
}

/* ---- Brokers ---------------------------------------------------------------*/

struct kc_fetcher_node *kc_fetcher_node_find(const struct kc_fetcher *fetcher, int32_t node)
{
    KB_LIST_EACH(it, &fetcher->nodes) {
        struct kc_fetcher_node *found = KB_CONTAINER(it, struct kc_fetcher_node, all);
        if (found->node == node)
            return found;
    }
    return NULL;
}

struct kc_fetcher_node *kc_fetcher_node(struct kc_fetcher *fetcher, int32_t node)
{
    struct kc_fetcher_node *found = kc_fetcher_node_find(fetcher, node);
    if (found || !(found = KB_NEW(struct kc_fetcher_node)))
        return found;
    found->node = node;
    kb_list_init(&found->flight);
    kb_list_push_back(&fetcher->nodes, &found->all);
    return found;
}

void kc_fetcher_session_reset(struct kc_fetcher *fetcher, struct kc_fetcher_node *node)
{
    node->session_epoch = 0;
    node->anew = node->in_flight;
    KB_LIST_EACH(it, &fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (fetch->session_node == node->node)
            fetch->session_node = -1;
    }
}

/* The session would go on sending it, and by an id that is no more; or it has told
 * all that there is, and would say nothing: a new one begins without. */
static void leave_session(struct kc_fetcher *fetcher, const struct kc_fetch *fetch)
{
    struct kc_fetcher_node *node = kc_fetcher_node_find(fetcher, fetch->session_node);
    if (node)
        kc_fetcher_session_reset(fetcher, node);
}

void kc_fetch_hear_end(struct kc_fetcher *fetcher, struct kc_fetch *fetch)
{
    fetch->end_told = false;
    if (fetcher->options->enable_partition_eof && fetch->session_position == fetch->position)
        leave_session(fetcher, fetch);
}

/* ---- Partitions -------------------------------------------------------------*/

static void place(struct kc_fetcher *fetcher, struct kc_fetch *fetch, int64_t offset,
                  int32_t leader_epoch)
{
    fetch->version = ++fetcher->versions;
    fetch->state = offset < 0 ? KC_FETCH_RESET : KC_FETCH_READY;
    fetch->position = offset;
    fetch->start = KB_MAX(offset, -1);
    fetch->reset_to = offset;
    fetch->position_epoch = leader_epoch;
    fetch->topic_generation = fetch->topic->generation;
    fetch->not_before_ms = 0;
    kc_fetch_hear_end(fetcher, fetch);
}

struct kc_fetch *kc_fetcher_add(struct kc_fetcher *fetcher, struct kc_topic *topic,
                                int32_t partition, int64_t offset, int32_t leader_epoch,
                                void *owner)
{
    struct kc_fetch *fetch = KB_NEW(struct kc_fetch);
    if (!fetch)
        return NULL;
    fetch->topic = topic;
    fetch->partition = partition;
    fetch->owner = owner;
    fetch->session_node = -1;
    fetch->high_watermark = fetch->stable_offset = fetch->log_start = -1;
    kb_list_init(&fetch->flight);
    kb_list_push_back(&fetcher->fetches, &fetch->all);
    place(fetcher, fetch, offset, leader_epoch);
    return fetch;
}

void kc_fetcher_remove(struct kc_fetcher *fetcher, struct kc_fetch *fetch)
{
    leave_session(fetcher, fetch);
    kb_list_remove(&fetch->flight);
    kb_list_remove(&fetch->all);
    kb_free(fetch);
}

void kc_fetch_seek(struct kc_fetcher *fetcher, struct kc_fetch *fetch, int64_t offset,
                   int32_t leader_epoch)
{
    place(fetcher, fetch, offset, leader_epoch);
}

void kc_fetch_take_back(struct kc_fetcher *fetcher, const struct kc_fetched *row,
                        struct kb_time now)
{
    struct kc_fetch *fetch = row->fetch;
    kc_fetch_wait(fetcher, fetch, now);
    if (row->kind == KC_FETCHED_DATA) {
        fetch->position = row->from;
        fetch->position_epoch = -1;
    }
    kc_fetch_hear_end(fetcher, fetch);
    if (fetch->state == KC_FETCH_FAILED)
        fetch->state = KC_FETCH_READY;
}

bool kc_fetched_is_next(const struct kc_fetched *row)
{
    return row->from <= row->fetch->position;
}

int32_t kc_fetch_leader(const struct kc_fetch *fetch, int32_t *leader_epoch)
{
    const struct kc_partition *p = kc_metadata_partition(fetch->topic, fetch->partition);
    *leader_epoch = p ? p->leader_epoch : -1;
    return p ? p->leader : -1;
}

int64_t kc_fetch_end(const struct kc_fetcher *fetcher, const struct kc_fetch *fetch)
{
    return fetcher->options->isolation_level == KC_READ_COMMITTED ? fetch->stable_offset
                                                                  : fetch->high_watermark;
}

void kc_fetch_wait(struct kc_fetcher *fetcher, struct kc_fetch *fetch, struct kb_time now)
{
    struct kc_backoff once = fetcher->backoff;
    fetch->not_before_ms = now.mono_ms + kc_backoff_next_ms(&once, fetcher->random);
}

/* ---- What is told ------------------------------------------------------------*/

struct kc_fetched *kc_fetched_add(struct kc_fetched_list *list, struct kb_arena *arena,
                                  enum kc_fetched_kind kind, struct kc_fetch *fetch)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct kc_fetched *rows = kb_arena_array(arena, capacity, sizeof *rows);
        if (!rows)
            return NULL;
        if (list->count)
            memcpy(rows, list->rows, list->count * sizeof *rows);
        list->rows = rows;
        list->capacity = capacity;
    }
    struct kc_fetched *row = &list->rows[list->count++];
    *row = (struct kc_fetched){.kind = kind,
                               .fetch = fetch,
                               .from = fetch->position,
                               .next = fetch->position,
                               .high_watermark = fetch->high_watermark,
                               .stable_offset = fetch->stable_offset,
                               .log_start = fetch->log_start,
                               .leader_epoch = fetch->position_epoch};
    return row;
}

/* By auto.offset.reset, or told with these words. Without memory to tell it, the next
 * answer comes to the same end. */
static void reset(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                  const char *what, struct kb_arena *arena, struct kc_fetched_list *out)
{
    static const int64_t to[] = {[KC_RESET_LATEST] = KC_LATEST, [KC_RESET_EARLIEST] = KC_EARLIEST};
    if (fetcher->options->auto_offset_reset != KC_RESET_NONE) {
        fetch->topic_generation = fetch->topic->generation;
        fetch->state = KC_FETCH_RESET;
        fetch->reset_to = to[fetcher->options->auto_offset_reset];
        return;
    }
    struct kc_fetched *row = kc_fetched_add(out, arena, KC_FETCHED_ERROR, fetch);
    if (!row) {
        kc_fetch_wait(fetcher, fetch, now);
        return;
    }
    fetch->topic_generation = fetch->topic->generation;
    fetch->state = KC_FETCH_FAILED;
    kb_error_set(&row->err, KB_E_OFFSET_OUT_OF_RANGE,
                 "%s[%d]: %s, and auto.offset.reset is none: seek to go on", fetch->topic->name,
                 fetch->partition, what);
}

void kc_fetch_lost_place(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                         const char *why, struct kb_arena *arena, struct kc_fetched_list *out)
{
    struct kb_error what;
    kb_error_set(&what, KB_E_OFFSET_OUT_OF_RANGE, "offset %lld %s", (long long)fetch->position,
                 why);
    reset(fetcher, now, fetch, what.text, arena, out);
}

void kc_fetch_lost_topic(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                         struct kb_arena *arena, struct kc_fetched_list *out)
{
    kc_fetch_lost_place(fetcher, now, fetch, "belongs to a topic that was deleted and made anew",
                        arena, out);
}

/* ---- What the group has committed ----------------------------------------------*/

bool kc_fetch_wants_committed(const struct kc_fetch *fetch, struct kb_time now)
{
    return fetch->state == KC_FETCH_RESET && fetch->reset_to == KC_COMMITTED &&
           fetch->not_before_ms <= now.mono_ms;
}

void kc_fetch_committed(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                        int64_t offset, int32_t leader_epoch, struct kb_arena *arena,
                        struct kc_fetched_list *out)
{
    fetch->not_before_ms = 0;
    if (offset < 0) {
        reset(fetcher, now, fetch, "nothing is committed", arena, out);
        return;
    }
    fetch->state = KC_FETCH_READY;
    fetch->position = fetch->start = offset;
    fetch->position_epoch = leader_epoch;
    kc_fetch_hear_end(fetcher, fetch);
}

void kc_fetch_not_committed(struct kc_fetcher *fetcher, struct kb_time now, struct kc_fetch *fetch,
                            int32_t code, struct kb_arena *arena, struct kc_fetched_list *out)
{
    struct kc_fetched *row = kc_fetched_add(out, arena, KC_FETCHED_ERROR, fetch);
    kc_fetch_wait(fetcher, fetch, now);
    if (row)
        kb_error_set(&row->err, code, "%s[%d]: the committed offset cannot be had: %s",
                     fetch->topic->name, fetch->partition, kb_code_text(code));
}

/* Only what the application should hear; the rest heals and is asked again. */
static bool is_news(int32_t code)
{
    return code == KB_E_UNKNOWN_TOPIC_OR_PARTITION || code == KB_E_TOPIC_AUTHORIZATION_FAILED ||
           code == KB_E_INVALID_TOPIC_EXCEPTION;
}

void kc_fetcher_topic(struct kc_fetcher *fetcher, struct kb_time now, struct kc_topic *topic,
                      struct kb_arena *arena, struct kc_fetched_list *out)
{
    KB_LIST_EACH(it, &fetcher->fetches) {
        struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (fetch->topic != topic)
            continue;
        if (topic->generation != fetch->topic_generation)
            leave_session(fetcher, fetch);
        fetch->not_before_ms = 0;
        int32_t error = topic->error;
        if (!error && topic->known && fetch->partition >= topic->partition_count)
            error = KB_E_UNKNOWN_TOPIC_OR_PARTITION;
        struct kc_fetched *row =
            is_news(error) ? kc_fetched_add(out, arena, KC_FETCHED_ERROR, fetch) : NULL;
        if (row)
            kb_error_set(&row->err, error, "%s[%d]: %s", topic->name, fetch->partition,
                         kb_code_text(error));
        if (topic->generation != fetch->topic_generation && fetch->state == KC_FETCH_READY)
            kc_fetch_lost_topic(fetcher, now, fetch, arena, out);
    }
}

/* ---- When and whom -------------------------------------------------------------*/

int32_t kc_fetcher_next_node(const struct kc_fetcher *fetcher, int32_t after)
{
    int32_t epoch, next = -1;
    KB_LIST_EACH(it, &fetcher->fetches) {
        int32_t leader = kc_fetch_leader(KB_CONTAINER(it, struct kc_fetch, all), &epoch);
        if (leader > after && (next < 0 || leader < next))
            next = leader;
    }
    return next;
}

int64_t kc_fetcher_deadline_ms(const struct kc_fetcher *fetcher, struct kb_time now)
{
    int64_t first = KB_NEVER;
    KB_LIST_EACH(it, &fetcher->fetches) {
        const struct kc_fetch *fetch = KB_CONTAINER(it, struct kc_fetch, all);
        if (fetch->not_before_ms > now.mono_ms && fetch->not_before_ms < first)
            first = fetch->not_before_ms;
    }
    return first;
}
