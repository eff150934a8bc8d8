/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_CLIENT_H
#define KURIER_CLIENT_H
/* Configuration, the runtime that does the I/O, and what every handle is. */
#include <kurier/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kurier_config kurier_config;
typedef struct kurier_runtime kurier_runtime;
typedef struct kurier_client kurier_client;

/* ---- Configuration ---------------------------------------------------------
 * Keys are those of Kafka's Java clients; librdkafka's are known as aliases.
 * The first mistake sticks and is answered by _new, so that set needs no check.
 * A config may be used for many handles, and freed at once. NULL = defaults. */
KURIER_API kurier_config *kurier_config_new(void);
KURIER_API void kurier_config_free(kurier_config *config);
KURIER_API kurier_code kurier_config_set(kurier_config *config, const char *key, const char *value);
KURIER_API kurier_code kurier_config_load(kurier_config *config, const char *properties_path);
/* Bytes of the value, as snprintf counts; unset: the default. */
KURIER_API size_t kurier_config_get(const kurier_config *config, const char *key, char *out,
                                    size_t size);

typedef struct kurier_option {
    const char *key, *type, *aliases, *doc; /* aliases: comma-separated, or NULL */
    const char *value;                      /* the default; NULL: unset */
    const char *choices;                    /* of an enum, "a|b"; else NULL */
    int64_t min, max;                       /* of a number; both 0: any */
} kurier_option;
KURIER_API bool kurier_option_at(size_t i, kurier_option *out); /* false past the last */

/* ---- Runtime ---------------------------------------------------------------
 * Who does the I/O. KURIER_THREADED: one thread of ours, for all its clients.
 * KURIER_DRIVEN: none; one thread, the first to step it, watches fd for reading.
 * fd alone suffices: it is readable for sockets, timers and sends by any thread.
 * A call that waits steps a driven runtime itself, so it must come from that
 * thread; try_send may come from any. step calls nothing back.
 * A NULL runtime is one THREADED runtime shared by the process. A runtime lives
 * until it and its clients are freed, in any order. */
typedef enum kurier_mode { KURIER_THREADED, KURIER_DRIVEN } kurier_mode;

KURIER_API kurier_runtime *kurier_runtime_new(kurier_mode mode, const kurier_config *config,
                                              kurier_error *err);
KURIER_API int kurier_runtime_fd(const kurier_runtime *runtime); /* THREADED: -1 */
/* For loops with timers of their own: ms until step is due, -1: no deadline. */
KURIER_API int kurier_runtime_timeout_ms(const kurier_runtime *runtime);
/* Does a bounded share of what is due. True: there is more, step again soon. */
KURIER_API bool kurier_runtime_step(kurier_runtime *runtime, kurier_error *err);
KURIER_API void kurier_runtime_free(kurier_runtime *runtime);

/* ---- Client: what every handle is -----------------------------------------
 * kurier_client_new makes one that only administers. */
KURIER_API kurier_client *kurier_client_new(kurier_runtime *runtime, const kurier_config *config,
                                            kurier_error *err);
KURIER_API void kurier_client_free(kurier_client *client);

/* Connected, metadata known; for a producer its id taken (a transactional one fences those
 * before it), for a consumer
 * that subscribed its group joined. The cause of a failure is typed: TRANSPORT,
 * UNSUPPORTED ... [resumable] */
KURIER_CHECKED kurier_code kurier_client_ready(kurier_client *client, int timeout_ms,
                                               kurier_error *err);

/* What waits for you. The fd is readable while the mask is not 0. */
enum {
    KURIER_REPORTS = 1,   /* kurier_producer_poll has some */
    KURIER_ROOM = 2,      /* try_send was refused and would now be taken */
    KURIER_BATCHES = 4,   /* kurier_consumer_poll has some */
    KURIER_REBALANCE = 8, /* kurier_consumer_poll would call the listener, or tell of the group */
    KURIER_EVENTS = 16,   /* kurier_client_event has some */
    KURIER_RESULTS = 32,  /* kurier_client_result has some */
    KURIER_RESUME = 64    /* a resumable call would now come to its end */
};
KURIER_API int kurier_client_fd(kurier_client *client);
KURIER_API uint32_t kurier_client_pending(kurier_client *client);
/* Ends every wait in progress, or else the next one. Async-signal-safe. */
KURIER_API void kurier_client_wake(kurier_client *client);

/* ---- Events ----------------------------------------------------------------
 * The log is an event too. log.sink = stderr (default), a path, or events. */
typedef enum kurier_event_kind {
    /* A line of the log, under log.sink = events. */
    KURIER_EVENT_LOG,
    /* A connection stands. Nothing to do. */
    KURIER_EVENT_BROKER_UP,
    /* A connection was lost or cannot be made; told once, until it stands again. It is
     * tried again by itself: look into what the text says only if UP does not follow. */
    KURIER_EVENT_BROKER_DOWN,
    /* The broker told us to slow down, and we do. If it lasts, raise the quota or send
     * less. */
    KURIER_EVENT_THROTTLED,
    /* No broker can be reached. Records wait until delivery.timeout.ms, calls until their
     * timeouts. Look at the network, and at bootstrap.servers. */
    KURIER_EVENT_ALL_DOWN,
    /* Metadata is older than twice metadata.max.age.ms, since no broker refreshes it:
     * leaders may be others by now. As ALL_DOWN. */
    KURIER_EVENT_STALE,
    /* A broker is too old for what is asked of it, or no broker but a controller: the
     * text names API and versions. Time does not heal it: give another address, or
     * renew the broker. */
    KURIER_EVENT_UNSUPPORTED,
    /* An address belongs to another cluster than before, and is asked nothing more. If
     * the cluster was replaced on purpose, make a new handle; else correct the address. */
    KURIER_EVENT_OTHER_CLUSTER,
    /* The outcome of kurier_consumer_commit_async, under its opaque; under opaque 0 an
     * automatic commit that failed: the next one tries again. */
    KURIER_EVENT_COMMITTED
} kurier_event_kind;

typedef struct kurier_event {
    kurier_event_kind kind;
    int32_t level; /* as syslog's: 3 error ... 7 debug */
    int64_t time_ms;
    uint64_t opaque;    /* of commit_async */
    const char *topic;  /* or NULL; interned, lives as long as the client */
    int32_t partition;  /* or -1 */
    kurier_error error; /* its text is the event's text */
} kurier_event;
/* From a ring of log.events; the last one says how many were overwritten. */
KURIER_API bool kurier_client_event(kurier_client *client, kurier_event *out, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
