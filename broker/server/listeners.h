/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_LISTENERS_H
#define KD_LISTENERS_H
/*
 * Where the broker listens, and what it tells clients to connect to, from
 * Kafka's `listeners`, `advertised.listeners` and their map of protocols. A
 * client is told the endpoint of the listener that it came in by.
 */
#include "base/error.h"
#include "broker/core/config.h"

enum { KD_LISTENERS_MAX = 8, KD_HOST_MAX = 256, KD_LISTENER_NAME_MAX = 64 };

struct kd_endpoint {
    char host[KD_HOST_MAX]; /* without brackets; "": every address */
    int32_t port;           /* 0: any free one */
};

struct kd_listener_spec {
    char name[KD_LISTENER_NAME_MAX];
    struct kd_endpoint bind, told;
};

struct kd_listeners {
    struct kd_listener_spec specs[KD_LISTENERS_MAX];
    int count;
};

/* BAD_CONFIG says which entry is wrong, and how. */
int kd_listeners_parse(struct kd_listeners *listeners, const struct kd_config *config,
                       struct kb_error *err);
/* The port that a listener was bound to. */
void kd_listeners_bound(struct kd_listener_spec *spec, int32_t port);
/* "PLAINTEXT://127.0.0.1:9092,..." as told. */
void kd_listeners_format(const struct kd_listeners *listeners, char *out, size_t size);

#endif
