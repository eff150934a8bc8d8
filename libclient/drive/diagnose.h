/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_DIAGNOSE_H
#define KC_DIAGNOSE_H
/* One line that says what is wrong with a broker or an address, and what to do. */
#include "base/error.h"
#include "net/rpc.h"

struct kurier_client;

/* The broker and we have no version of the API in common: what it speaks, what is
 * needed, what it looks like. since: the first Kafka that has it, or NULL. Answers
 * KB_E_UNSUPPORTED. */
int kc_diagnose_versions(const struct kn_rpc *rpc, int16_t api_key, int16_t min, int16_t max,
                         const char *since, struct kb_error *err);

/* "Kafka 2.3", by the APIs that it offers. */
const char *kc_diagnose_release(const struct kn_rpc *rpc);

/* Words for when an address that a broker advertises cannot be reached: that it is
 * advertised, and the usual traps. Empty for one of bootstrap.servers. */
void kc_diagnose_address(const struct kurier_client *client, int32_t node, const char *host,
                         int32_t port, char *out, size_t size);

#endif
