/* SPDX-License-Identifier: Apache-2.0 */
/* Anything as a line: | what it is | room for the line | flags | key | version | bytes */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "base/mem.h"
#include "tests/unit/wire/json_like.h"
#include "wire/be.h"
#include "wire/print.h"

#include <string.h>

enum { HEAD_BYTES = 7 };

static size_t print(const uint8_t *head, struct kb_slice bytes, char *out, size_t size)
{
    static const char *const topics[] = {"__consumer_offsets", "__transaction_state"};
    int16_t key = (int16_t)kw_get_be16(head + 3), version = (int16_t)kw_get_be16(head + 5);
    size_t cut = bytes.size < head[4] ? bytes.size : head[4];
    struct kb_slice begin = kb_slice_of(bytes.data, cut);
    struct kb_slice rest = kb_slice_of(bytes.data + cut, bytes.size - cut);
    switch (head[0] % 5) {
    case 0:
        return kw_print_request(bytes, head[2], out, size);
    case 1:
        return kw_print_response(key, version, bytes, head[2], out, size);
    case 2:
        return kw_print_body(key, version, true, bytes, head[2], out, size);
    case 3:
        return kw_print_body(key, version, false, bytes, head[2], out, size);
    default:
        return kw_print_record(topics[head[3] & 1], begin, rest, head[2], out, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES)
        return 0;
    size_t room = KW_PRINT_MIN_BYTES + 8 * data[1];
    char *line = kb_malloc(room);
    KB_CHECK(line);
    size_t length = print(data, kb_slice_of(data + HEAD_BYTES, size - HEAD_BYTES), line, room);
    KB_CHECK(length < room && length == strlen(line));
    KB_CHECK(json_like(line));
    kb_free(line);
    return 0;
}
