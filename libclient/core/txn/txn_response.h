/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_TXN_RESPONSE_H
#define KC_TXN_RESPONSE_H
/* An answer to one of the transaction's requests, decoded. */
#include "libclient/core/txn/txn.h"
#include "wire/gen/add_offsets_to_txn.h"
#include "wire/gen/add_partitions_to_txn.h"
#include "wire/gen/end_txn.h"
#include "wire/gen/find_coordinator.h"
#include "wire/gen/init_producer_id.h"
#include "wire/gen/txn_offset_commit.h"

struct kc_txn_response {
    int16_t version;
    int32_t throttle_ms;
    int transactions; /* transaction.version as who answered has finalized it */
    union {
        struct kw_find_coordinator_response find;
        struct kw_init_producer_id_response init;
        struct kw_add_partitions_to_txn_response partitions;
        struct kw_add_offsets_to_txn_response offsets;
        struct kw_txn_offset_commit_response commit;
        struct kw_end_txn_response end;
    };
};

/* Of the request in flight. False: it cannot be read. */
bool kc_txn_decode(const struct kc_txn *txn, struct kw_reader *body, int16_t version,
                   struct kb_arena *arena, struct kc_txn_response *out);

#endif
