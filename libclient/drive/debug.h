/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_DEBUG_H
#define KC_DEBUG_H
/*
 * What `debug` asks to be logged, whatever log.level says; log.level=debug is
 * all but `protocol`. Nothing asked, it costs one look. `protocol` prints each request and its answer as
 * wire/print.h does, without records and secrets; a client with it has control
 * connections of its own, so that it sees what it asked and nothing else.
 */
#include "base/log.h"
#include "net/rpc.h"

struct kc_link;

enum {
    KC_DEBUG_BROKER = 1,
    KC_DEBUG_TOPIC = 2,
    KC_DEBUG_METADATA = 4,
    KC_DEBUG_PROTOCOL = 8,
    KC_DEBUG_ALL = 15
};

struct kc_debug {
    unsigned contexts;
    struct kb_log *log;
    struct kn_tap tap;
};

/* contexts: as configured, checked; may be NULL. */
void kc_debug_init(struct kc_debug *debug, const char *contexts, struct kb_log *log);
/* What links get; NULL: nobody looks. */
struct kn_tap *kc_debug_tap(struct kc_debug *debug);
/* It is in another state. */
void kc_debug_link(const struct kc_debug *debug, const struct kc_link *link);

/* KC_DEBUG(&client->debug, METADATA, "...", ...) */
#define KC_DEBUG(debug, context, ...)                                                              \
    ((debug)->contexts & KC_DEBUG_##context || (debug)->log->level >= KB_LOG_DEBUG                 \
         ? kb_log_line((debug)->log, KB_LOG_DEBUG, kc_debug_name(KC_DEBUG_##context), __VA_ARGS__) \
         : (void)0)
const char *kc_debug_name(unsigned context);

#endif
