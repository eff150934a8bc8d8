/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_BROKER_H
#define KD_BROKER_H
/*
 * A Kafka broker as a library: kurierd is a small program over it, the test
 * kit another. No globals, no exit, no signals, no standard output; any number
 * of brokers live in one process.
 *
 *     struct kd_broker *broker = kd_broker_new(NULL, &err);
 *     kd_broker_set(broker, "listeners", "PLAINTEXT://127.0.0.1:0", &err);
 *     kd_broker_set(broker, "log.dirs", "/tmp/data", &err);
 *     if (!kd_broker_start(broker, &err))
 *         connect to kd_broker_port(broker) ...
 *     kd_broker_stop(broker);
 *     kd_broker_free(broker);
 *
 * It runs on a thread of its own, or on a loop that it is given: then every
 * call belongs to that loop's thread, start and stop return at once, and the
 * events say how it went.
 */
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "net/exec.h"
#include "net/loop.h"
#include <stdio.h>

struct kd_broker;

struct kd_broker_events {
    /* After start: err->code 0, it serves; else why it does not. */
    void (*started)(void *ctx, const struct kb_error *err);
    /* After stop: nothing of it runs any more. */
    void (*stopped)(void *ctx);
    /* It cannot go on (its disk failed). It still has to be stopped. */
    void (*failed)(void *ctx, const struct kb_error *err);
};

/* All of it optional. What is passed in outlives the broker. Without a loop of
 * yours, events come on the broker's thread. */
struct kd_broker_options {
    struct kb_log *log;   /* NULL: silent; log.level sets its level */
    struct kb_fs *fs;     /* NULL: the directory that log.dirs names, made if missing */
    struct kn_loop *loop; /* NULL: a thread of its own */
    uint64_t seed;        /* 0: from the kernel */
    struct kd_broker_events events;
    void *ctx;
};

/* NULL: err says why. */
struct kd_broker *kd_broker_new(const struct kd_broker_options *options, struct kb_error *err);

/* Configuration, before start. An unknown key is an error that names the
 * nearest; later calls win. */
int kd_broker_set(struct kd_broker *broker, const char *key, const char *value,
                  struct kb_error *err);
/* A file of Java properties. */
int kd_broker_load(struct kd_broker *broker, const char *path, struct kb_error *err);
/* doc/broker-configuration.md: every key, in Markdown. */
void kd_broker_print_docs(FILE *out);

/* On its own thread: returns when it serves, or why it cannot. On a loop of
 * yours: 0 at once, then events.started. */
int kd_broker_start(struct kd_broker *broker, struct kb_error *err);
/* What is in progress is answered, for at most five seconds; then all is
 * flushed and closed. May be called in any state, also twice. */
void kd_broker_stop(struct kd_broker *broker);
/* As a crash would, over a loop of yours: connections are dropped, nothing is
 * written or told any more. Then free the loop, then the broker. */
void kd_broker_halt(struct kd_broker *broker);
/* For tests, over a loop of yours, once it serves: the coordinators that this partition of
 * an internal topic is forget all they know, as after a failed write, and load it again.
 * False: there is none, or it does not serve yet. */
bool kd_broker_discard(struct kd_broker *broker, const char *topic, int32_t partition);
/* Stopped or halted before. A broker that never started is fine, NULL too. */
void kd_broker_free(struct kd_broker *broker);

/* Once it serves. */
int kd_broker_port(const struct kd_broker *broker); /* of the first listener */
/* "PLAINTEXT://127.0.0.1:9092", as advertised; valid until free. */
const char *kd_broker_listeners(const struct kd_broker *broker);
int32_t kd_broker_node_id(const struct kd_broker *broker);

#endif
