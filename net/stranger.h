/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KN_STRANGER_H
#define KN_STRANGER_H
/* Who answers on a port where a Kafka broker was expected: known by the first
 * bytes of what it sends, or by its manners. */
#include <stddef.h>
#include <stdint.h>

/* "kafka1:22 is an SSH server, not a Kafka broker", one line. name: "host:port" as
 * dialled; head: the first bytes of its answer, which make no sense as a frame. */
void kn_stranger_by_bytes(const char *name, const uint8_t *head, size_t size, char *out,
                          size_t out_size);
/* It took the first question and closed the connection. */
void kn_stranger_by_silence(const char *name, uint16_t port, char *out, size_t out_size);

#endif
