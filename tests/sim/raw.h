/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RAW_H
#define SIM_RAW_H
/*
 * A connection to the broker that comes back by itself, and the few requests
 * that workloads without a client library speak over it.
 */
#include "net/rpc.h"
#include "tests/sim/process.h"
#include "wire/writer.h"

struct raw_link {
    struct process *process;
    struct kn_rpc *rpc; /* NULL: not connected */
    struct kn_timer again;
    void (*up)(struct raw_link *link); /* calls may be made; whatever was in flight has failed */
};

void raw_link_open(struct raw_link *link, struct process *process,
                   void (*up)(struct raw_link *link));
bool raw_link_is_up(const struct raw_link *link);
/* Calls fail, and it is connected anew a little later. */
void raw_link_break(struct raw_link *link);
void raw_link_close(struct raw_link *link);

/* The body's writer is taken. fn is always called; answer->err set: it failed,
 * and the link breaks or has broken. */
void raw_call(struct raw_link *link, int16_t key, int16_t version, struct kw_writer *body,
              kn_answer_fn *fn, void *ctx);

/* The same of bytes that are there already; a reference is taken. */
void raw_call_bytes(struct raw_link *link, int16_t key, int16_t version, struct kb_buf *body,
                    kn_answer_fn *fn, void *ctx);

#endif
