/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_EVENT_H
#define KC_EVENT_H
/*
 * What a client has to tell without being asked: a bounded ring that overwrites
 * its oldest, and a log. An event is also a log line; a log line is also an
 * event where log.sink = events. Any thread may put in, any may take out.
 */
#include "base/error.h"
#include "base/log.h"
#include "kurier/client.h"

struct kurier_client;

struct kc_events {
    struct kb_log log;   /* the client's logger: to stderr, a file, or the ring */
    struct kb_log *sink; /* NULL: the ring */
    struct kc_event_ring *ring;
    struct kurier_client *client;
    int sink_fd; /* a file of ours, or -1 */
};

/* KB_E_BAD_CONFIG where log.sink cannot be opened. */
int kc_events_init(struct kc_events *events, struct kurier_client *client, struct kb_error *err);
void kc_events_deinit(struct kc_events *events);

/* level: as syslog's. topic is copied (interned); NULL and -1 for none. */
void kc_event_put(struct kurier_client *client, kurier_event_kind kind, int level,
                  const char *topic, int32_t partition, const struct kb_error *what);
/* KURIER_EVENT_COMMITTED; code 0: it went well. */
void kc_event_committed(struct kurier_client *client, uint64_t opaque, const struct kb_error *err);
bool kc_event_take(struct kc_events *events, kurier_event *out);

#endif
