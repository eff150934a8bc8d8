/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_RIG_H
#define TESTS_BROKER_RIG_H
/* A broker over a disk in memory, and a client of a few lines that speaks raw
 * frames over a real socket. What fails ends the test. */
#include "base/arena.h"
#include "base/fs_mem.h"
#include "broker/broker.h"
#include "wire/frame.h"

struct kd_broker *rig_broker(struct kb_fs *fs); /* on a free port, not started */
void rig_set(struct kd_broker *broker, const char *key, const char *value);
void rig_start(struct kd_broker *broker);
void rig_end(struct kd_broker *broker); /* stops and frees */

/* A connection; answers are decoded into its arena, which lives until the next
 * ask. */
struct client {
    int fd;
    int32_t asked;
    struct kb_arena arena;
    struct kb_buf *answer;
    struct kw_reader body;
};
void client_dial(struct client *client, const struct kd_broker *broker);
void client_hang_up(struct client *client);

/* Writes the header; the caller encodes the body, then sends. */
void client_begin(struct client *client, struct kw_writer *w, int16_t key, int16_t version);
void client_send(struct client *client, struct kw_writer *w);
/* The next answer; its body is then in client->body. False: the broker closed. */
bool client_hear(struct client *client, int16_t key, int16_t version);

/* One batch of `count` records "value-0" ...; the buffer is the caller's. */
struct batch_spec {
    int64_t producer_id; /* -1: none */
    int16_t epoch;
    int32_t sequence, count;
    int64_t timestamp_ms;
    size_t value_bytes; /* 0: short */
};
struct kb_buf *make_batch(const struct batch_spec *spec);

#endif
