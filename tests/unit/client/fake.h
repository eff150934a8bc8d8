/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_H
#define FAKE_H
/*
 * A broker of a few lines on a node of the simulated network: it answers
 * ApiVersions and Metadata from a table that the test may change at any time,
 * and hands everything else to the test.
 */
#include "net/listener.h"
#include "libclient/drive/runtime.h"
#include "net/sim.h"
#include "wire/frame.h"

enum { FAKE_MAX = 8 };

struct fake_topic {
    const char *name;
    uint8_t id; /* all bytes of its topic id; 0: none */
    int16_t error;
    int32_t partitions;
    int32_t leader[FAKE_MAX], epoch[FAKE_MAX];
};

/* What every broker of the cluster says. */
struct fake_cluster {
    const char *id; /* NULL: "fake" */
    struct {
        int32_t id;
        const char *host;
        int32_t port;
    } brokers[FAKE_MAX];
    int broker_count;
    struct fake_topic topics[FAKE_MAX];
    int topic_count;
    int32_t controller;
};

struct fake {
    struct fake_cluster *cluster;
    struct kn_env *env;
    struct kn_loop *loop;
    struct kn_listener *listener;
    struct kb_list conns;
    bool mute;            /* reads, never answers */
    const char *greeting; /* says these bytes to whoever comes, as another protocol would */
    size_t greeting_size; /* 0: up to the 0 byte */
    bool hangs_up;        /* closes at the first frame */
    bool no_metadata;     /* closes when asked for it */
    int32_t skew;         /* of the correlation ids in its answers, ApiVersions' aside */
    int16_t (*least)(struct fake *, int16_t key); /* min version told; NULL: all */
    int metadata_asked;
    int opened; /* connections so far */
    int16_t last_key;
    /* True: body written to out. False: the connection is closed. */
    bool (*answer)(struct fake *, int16_t key, int16_t version, struct kw_reader *body,
                   struct kb_arena *arena, struct kw_writer *out);
    int16_t (*versions)(struct fake *, int16_t key); /* max version told; -1: not at all */
    void *owner;
};

void fake_start(struct fake *fake, struct kn_sim *sim, const char *node, int32_t port,
                struct fake_cluster *cluster);
void fake_stop(struct fake *fake);

/* ---- A world of them, and the node "app" where a client runs ---------------------*/

enum { FAKE_BROKERS = 3 };

struct fake_world {
    struct kn_sim *sim;
    struct fake_cluster cluster;
    struct fake fakes[FAKE_BROKERS];
    int fake_count;
    struct kn_env *env;
    struct kn_loop *loop;
    struct kurier_runtime *runtime;
};

void fake_world_init(struct fake_world *w, uint64_t seed);
/* Once its clients are freed. */
void fake_world_deinit(struct fake_world *w);
/* One more at node:9092, which is no broker of the cluster. */
struct fake *fake_world_start(struct fake_world *w, const char *node);
/* Broker fake_count + 1 of the cluster; advertised: the host that it tells clients. */
struct fake *fake_world_add(struct fake_world *w, const char *node, const char *advertised);

#endif
