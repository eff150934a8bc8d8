/* SPDX-License-Identifier: Apache-2.0 */
#include "kurier/base.h"
#include <config.h>
#include "libclient/api/error.h"
#include "kurier/admin.h"
#include "kurier/client.h"
#include "kurier/consumer.h"
#include "kurier/producer.h"
#include "wire/varint.h"
#include <string.h>

/* The stride of what callers pass in arrays is part of the ABI. */
#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(kurier_bytes) == 16, "ABI");
_Static_assert(sizeof(kurier_header) == 24, "ABI");
_Static_assert(sizeof(kurier_record) == 104, "ABI");
_Static_assert(sizeof(kurier_position) == 48, "ABI");
_Static_assert(sizeof(kurier_report) == 56, "ABI");
_Static_assert(sizeof(kurier_error) == 256, "ABI");
#endif

const char *kurier_version(void)
{
    return PACKAGE_VERSION;
}

kurier_bytes kurier_str(const char *text)
{
    return kurier_bytes_of(text, text ? strlen(text) : 0);
}

const char *kurier_code_name(kurier_code code)
{
    return kb_code_name(code);
}

const char *kurier_code_text(kurier_code code)
{
    return kb_code_text(code);
}

/* ---- Headers of a record ----------------------------------------------------------*/

/* A length and that many bytes; -1 is null. False: cut off. */
static bool next_bytes(const uint8_t **at, const uint8_t *end, kurier_bytes *out)
{
    uint32_t zigzag;
    const uint8_t *data = kw_varint32_get(*at, end, &zigzag);
    int32_t size = data ? kw_unzigzag32(zigzag) : -2;
    if (size < -1 || size > end - data)
        return false;
    *out = kurier_bytes_of(size < 0 ? NULL : data, size < 0 ? 0 : (size_t)size);
    *at = size < 0 ? data : data + size;
    return true;
}

/* raw_headers is a count, then name and value of each. */
bool kurier_record_header(const kurier_record *record, size_t *at, kurier_bytes *name,
                          kurier_bytes *value)
{
    const uint8_t *start = record->raw_headers.data;
    const uint8_t *end = start + record->raw_headers.size;
    const uint8_t *next = start + *at;
    uint32_t count;
    if (!start || next >= end || (*at == 0 && !(next = kw_varint32_get(start, end, &count))))
        return false;
    if (next == end || !next_bytes(&next, end, name) || !next_bytes(&next, end, value))
        return false;
    *at = (size_t)(next - start);
    return true;
}
