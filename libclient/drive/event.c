/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/event.h"
#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "libclient/drive/client.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct name {
    struct kb_map_entry entry;
    char text[];
};

struct kc_event_ring {
    pthread_mutex_t lock;
    kurier_event *events;
    size_t capacity, first, count;
    uint64_t overwritten;
    struct kb_map names; /* topics told of, so that events may point to them */
};

static const int levels[] = {[KC_LOG_ERROR] = KB_LOG_ERROR,
                             [KC_LOG_WARN] = KB_LOG_WARN,
                             [KC_LOG_INFO] = KB_LOG_INFO,
                             [KC_LOG_DEBUG] = KB_LOG_DEBUG};

/* ---- The ring -----------------------------------------------------------------*/

static struct kc_event_ring *ring_new(size_t capacity)
{
    struct kc_event_ring *ring = KB_NEW(struct kc_event_ring);
    if (!ring)
        return NULL;
    ring->events = KB_NEW_ARRAY(kurier_event, capacity);
    if (!ring->events) {
        kb_free(ring);
        return NULL;
    }
    ring->capacity = capacity;
    pthread_mutex_init(&ring->lock, NULL);
    kb_map_init(&ring->names, kb_entropy());
    return ring;
}

static void ring_free(struct kc_event_ring *ring)
{
    struct kb_map_entry *entry = kb_map_next(&ring->names, NULL);
    while (entry) {
        struct name *name = KB_CONTAINER(entry, struct name, entry);
        entry = kb_map_next(&ring->names, entry);
        kb_free(name);
    }
    kb_map_deinit(&ring->names);
    pthread_mutex_destroy(&ring->lock);
    kb_free(ring->events);
    kb_free(ring);
}

/* NULL: none was given, or no memory to keep it. */
static const char *intern(struct kc_event_ring *ring, const char *topic)
{
    struct kb_slice key = kb_slice_str(topic);
    if (!topic)
        return NULL;
    struct kb_map_entry *entry = kb_map_get(&ring->names, key);
    if (entry)
        return KB_CONTAINER(entry, struct name, entry)->text;
    struct name *name = kb_malloc(sizeof *name + key.size + 1);
    if (!name)
        return NULL;
    memcpy(name->text, topic, key.size + 1);
    if (kb_map_put(&ring->names, &name->entry, kb_slice_of(name->text, key.size)))
        return name->text;
    kb_free(name);
    return NULL;
}

static void ring_put(struct kurier_client *client, const kurier_event *event)
{
    struct kc_event_ring *ring = client->events.ring;
    pthread_mutex_lock(&ring->lock);
    kurier_event *slot = &ring->events[(ring->first + ring->count) % ring->capacity];
    *slot = *event;
    slot->topic = intern(ring, event->topic);
    if (ring->count < ring->capacity) {
        ring->count++;
    } else {
        ring->first = (ring->first + 1) % ring->capacity;
        ring->overwritten++;
    }
    pthread_mutex_unlock(&ring->lock);
    kc_client_pend(client, KURIER_EVENTS);
}

static void tell_overwritten(struct kc_event_ring *ring, kurier_event *out)
{
    *out = (kurier_event){.kind = KURIER_EVENT_LOG, .level = KB_LOG_WARN, .partition = -1};
    out->error.broker = -1;
    snprintf(out->error.text, sizeof out->error.text,
             "%llu events before these were overwritten; take them more often or raise log.events",
             (unsigned long long)ring->overwritten);
    ring->overwritten = 0;
}

bool kc_event_take(struct kc_events *events, kurier_event *out)
{
    struct kc_event_ring *ring = events->ring;
    pthread_mutex_lock(&ring->lock);
    bool any = ring->count > 0 || ring->overwritten > 0;
    if (ring->count > 0) {
        *out = ring->events[ring->first];
        ring->first = (ring->first + 1) % ring->capacity;
        ring->count--;
    } else if (any) {
        tell_overwritten(ring, out);
    }
    if (ring->count == 0 && ring->overwritten == 0)
        kc_client_unpend(events->client, KURIER_EVENTS);
    pthread_mutex_unlock(&ring->lock);
    return any;
}

/* ---- Log and events -------------------------------------------------------------*/

static void write_line(struct kb_log *log, enum kb_level level, const char *component,
                       const char *text)
{
    struct kc_events *events = KB_CONTAINER(log, struct kc_events, log);
    if (events->sink) {
        events->sink->write(events->sink, level, component, text);
        return;
    }
    kurier_event event = {.kind = KURIER_EVENT_LOG,
                          .level = (int32_t)level,
                          .time_ms = kc_runtime_now(events->client->runtime).wall_ms,
                          .partition = -1};
    event.error.broker = -1;
    snprintf(event.error.text, sizeof event.error.text, "%s: %s", component, text);
    ring_put(events->client, &event);
}

static void put(struct kurier_client *client, kurier_event *event, const struct kb_error *what)
{
    event->time_ms = kc_runtime_now(client->runtime).wall_ms;
    memcpy(&event->error, what, sizeof event->error);
    ring_put(client, event);
    if (client->events.sink)
        KB_LOG(kc_client_log(client), (enum kb_level)event->level, "client", "%s", what->text);
}

void kc_event_put(struct kurier_client *client, kurier_event_kind kind, int level,
                  const char *topic, int32_t partition, const struct kb_error *what)
{
    kurier_event event = {.kind = kind, .level = level, .topic = topic, .partition = partition};
    put(client, &event, what);
}

void kc_event_committed(struct kurier_client *client, uint64_t opaque, const struct kb_error *err)
{
    kurier_event event = {.kind = KURIER_EVENT_COMMITTED,
                          .level = err->code ? KB_LOG_WARN : KB_LOG_DEBUG,
                          .opaque = opaque,
                          .partition = -1};
    struct kb_error what = *err;
    if (!err->code)
        snprintf(what.text, sizeof what.text, "committed");
    put(client, &event, &what);
}

static int open_sink(struct kc_events *events, const char *sink, struct kb_error *err)
{
    int fd = STDERR_FILENO;
    if (!strcmp(sink, "events"))
        return 0;
    if (strcmp(sink, "stderr")) {
        fd = events->sink_fd = open(sink, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return kb_error_errno(err, KB_E_BAD_CONFIG, errno, "log.sink: %s cannot be written",
                                  sink);
    }
    events->sink = kb_log_fd_new(fd, events->log.level);
    return events->sink ? 0 : kb_error_set(err, KB_E_NO_MEMORY, "log.sink: out of memory");
}

int kc_events_init(struct kc_events *events, struct kurier_client *client, struct kb_error *err)
{
    const struct kc_common_options *options = &client->options->common;
    *events = (struct kc_events){
        .log = {levels[options->log_level], write_line}, .client = client, .sink_fd = -1};
    events->ring = ring_new((size_t)options->log_events);
    if (!events->ring)
        return kb_error_set(err, KB_E_NO_MEMORY, "log.events: out of memory");
    int code = open_sink(events, options->log_sink ? options->log_sink : "stderr", err);
    if (code)
        kc_events_deinit(events);
    return code;
}

void kc_events_deinit(struct kc_events *events)
{
    if (events->sink)
        kb_log_fd_free(events->sink);
    if (events->sink_fd >= 0)
        close(events->sink_fd);
    if (events->ring)
        ring_free(events->ring);
    events->sink = NULL;
    events->sink_fd = -1;
    events->ring = NULL;
}
