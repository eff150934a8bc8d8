/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_CRC32C_IMPL_H
#define KW_CRC32C_IMPL_H
/* The two ways to a CRC-32C, each without the inversions before and after. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t kw_crc32c_table(uint32_t state, const uint8_t *at, size_t size);

/* Only where kw_crc32c_hardware_here. */
uint32_t kw_crc32c_hardware(uint32_t state, const uint8_t *at, size_t size);
bool kw_crc32c_hardware_here(void);

#endif
