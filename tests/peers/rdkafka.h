/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PEERS_RDKAFKA_H
#define TESTS_PEERS_RDKAFKA_H
/* librdkafka as a peer; exchange.py tells what a peer program does. What goes wrong ends it. */
#include "tests/peers/corpus.h"
#include <librdkafka/rdkafka.h>

struct peer {
    const char *address, *topic;
    struct words words;
};

_Noreturn void die(const char *form, ...) __attribute__((format(printf, 1, 2)));
void expect(rd_kafka_resp_err_t err, const char *what);
rd_kafka_t *client_new(const struct peer *peer, rd_kafka_type_t type, rd_kafka_conf_t *conf);
/* The topic begins there, and ends behind all records. */
void expect_bounds(rd_kafka_t *client, const struct peer *peer, int64_t first);
void administer(const struct peer *peer);

#endif
