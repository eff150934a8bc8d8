/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_CRC32C_H
#define KW_CRC32C_H
/*
 * CRC-32C (Castagnoli), the checksum of record batches. Uses the processor's
 * instruction where it has one, three streams at a time on long inputs; a
 * table elsewhere. Pure; any thread.
 */
#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`; 0 begins. crc(a ++ b) == kw_crc32c(kw_crc32c(0, a), b). */
uint32_t kw_crc32c(uint32_t crc, const void *data, size_t size);

/* crc(a ++ b) from crc(a), crc(b) and the size of b, in about 0.3 us: a
 * batch's records are summed when it is sealed, its header when it is sent. */
uint32_t kw_crc32c_combine(uint32_t crc_a, uint32_t crc_b, size_t size_b);

#endif
