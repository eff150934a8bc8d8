/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_ASK_H
#define TESTS_BROKER_ASK_H
/* What many tests ask a broker, each in one version. Answers live until the
 * client's next question. */
#include "tests/unit/broker/rig.h"
#include "wire/gen/fetch.h"
#include "wire/gen/list_offsets.h"
#include "wire/gen/produce.h"

/* With one config, or key NULL; the answer's code must be `want`. */
struct kb_uuid ask_create(struct client *c, const char *name, int32_t partitions, const char *key,
                          const char *value, int16_t want);

extern const struct batch_spec ten_records; /* without a producer */
void ask_produce_send(struct client *c, int16_t acks, const char *topic, int32_t partition,
                      const struct batch_spec *spec);
struct kw_produce_response_partition ask_produce_hear(struct client *c);
/* With acks=all. The base offset, or minus the error. */
int64_t ask_produce(struct client *c, const char *topic, int32_t partition,
                    const struct batch_spec *spec);

struct fetch_spec {
    const char *topic;
    int32_t partition, max_wait_ms, min_bytes, max_bytes, part_bytes, session_id, session_epoch,
        epoch;
    int64_t offset;
    bool empty; /* names no partition */
};

void ask_fetch_send(struct client *c, const struct fetch_spec *ask);
struct kw_fetch_response ask_fetch_hear(struct client *c);
struct kw_fetch_response_partition ask_fetch(struct client *c, const struct fetch_spec *ask);
int count_batches(struct kb_slice records); /* each with a checksum that holds */

/* Of partition 0. */
struct kw_list_offsets_response_partition ask_offset(struct client *c, const char *topic,
                                                     int64_t time);
int64_t ask_producer_id(struct client *c);

#endif
