/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_SOURCE_H
#define KD_SOURCE_H
/*
 * A Fetch answer as a connection pulls it: encoded bytes and stretches of
 * logs in turn, at most KN_SOURCE_PIECE bytes in memory at a time. Built on
 * the state loop, then given to the loop of its connection, where file bytes
 * are read without blocking if they are in the page cache, by the executor if
 * not. It frees itself when the connection is done with it.
 */
#include "broker/drive/replica.h"
#include "net/conn.h"

struct kd_source;

/* NULL: no memory. `log` and `exec` outlive it. */
struct kd_source *kd_source_new(struct kn_exec *exec, struct kb_log *log);
/* Each takes the reference, on failure too (NO_MEMORY). */
int kd_source_add_piece(struct kd_source *source, struct kb_piece piece);
int kd_source_add_extent(struct kd_source *source, struct kd_extent *extent); /* empties it */
uint64_t kd_source_size_bytes(const struct kd_source *source);
/* On the connection's loop: what kn_conn_send takes. */
struct kn_source *kd_source_start(struct kd_source *source, struct kn_conn *conn);
/* One that was never started. */
void kd_source_free(struct kd_source *source);

#endif
