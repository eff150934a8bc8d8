/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pack.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char numbers[] = "bBhHiIqQ"; /* of 1, 1, 2, 2 ... 8, 8 bytes */

bool pack_is_valid(const char *pack)
{
    return *pack && strspn(pack, "bBhHiIqQ <>cs$") == strlen(pack);
}

static uint64_t gather(const uint8_t *at, size_t size, bool little)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | at[little ? size - 1 - i : i];
    return value;
}

static void print_number(char letter, uint64_t value, size_t size, struct out *out)
{
    unsigned spare = 64 - 8 * (unsigned)size;
    if (islower((unsigned char)letter))
        out_number(out, (int64_t)(value << spare) >> spare);
    else
        out_format(out, "%llu", (unsigned long long)value);
}

/* How many bytes a letter takes of those that are left. */
static size_t wanted(char letter, size_t left)
{
    const char *number = strchr(numbers, letter);
    if (number)
        return (size_t)1 << (number - numbers) / 2;
    return letter == 'c' ? 1 : letter == 's' ? left : 0;
}

const char *pack_check(const char *pack, size_t size)
{
    size_t at = 0;
    for (; *pack; pack++) {
        size_t takes = wanted(*pack, size - at);
        if (takes > size - at)
            return "too short for its pack string";
        if (*pack == '$' && at < size)
            return "longer than its pack string";
        at += takes;
    }
    return NULL;
}

void pack_print(const char *pack, kurier_bytes bytes, struct out *out)
{
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    bool little = false;
    for (; *pack; pack++) {
        size_t size = wanted(*pack, (size_t)(end - at));
        if (*pack == '<' || *pack == '>')
            little = *pack == '<';
        else if (*pack == ' ')
            out_char(out, ' ');
        else if (*pack == 'c' || *pack == 's')
            out_bytes(out, at, size);
        else if (*pack != '$')
            print_number(*pack, gather(at, size, little), size, out);
        at += size;
    }
}
