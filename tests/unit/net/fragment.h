/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FRAGMENT_H
#define TESTS_FRAGMENT_H
/*
 * A transport with all the manners of TLS and none of its secrets. Bytes go in
 * records; after each KEY_BYTES the writer asks for a new key and must read
 * the answer before it writes on; whoever is asked must write the answer
 * before it reads on. Whole records are read ahead, so that bytes wait inside
 * where no readiness shows them. There is no gathering write, and the socket
 * takes and gives `step` bytes at a time.
 *
 *     record: type 'D' data, 'K' new key?, 'A' new key!; length; payload xor 0x5a
 */
#include "net/transport.h"

struct fragment_maker {
    struct kn_transport_maker maker;
    size_t step;
};

void fragment_maker_init(struct fragment_maker *maker, size_t step);

#endif
