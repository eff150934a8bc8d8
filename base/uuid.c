/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include "base/random.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct kb_uuid kb_uuid_random(struct kb_random *random)
{
    struct kb_uuid id;
    do {
        uint64_t words[2] = {kb_random_next(random), kb_random_next(random)};
        memcpy(id.bytes, words, sizeof id.bytes);
        id.bytes[6] = (uint8_t)(0x40 | (id.bytes[6] & 0x0f));
        id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    } while (digits[id.bytes[0] >> 2] == '-');
    return id;
}

/* 16 bytes are 128 bits: 21 digits of 6 bits, and one that carries 2. */
void kb_uuid_format(struct kb_uuid id, char out[KB_UUID_TEXT])
{
    unsigned bits = 0, held = 0, n = 0;
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        bits = bits << 8 | id.bytes[i];
        for (held += 8; held >= 6; held -= 6)
            out[n++] = digits[bits >> (held - 6) & 63];
    }
    out[n++] = digits[bits << (6 - held) & 63];
    out[n] = '\0';
}

bool kb_uuid_parse(const char *text, struct kb_uuid *out)
{
    struct kb_uuid id;
    unsigned bits = 0, held = 0;
    size_t n = 0;
    if (strlen(text) != KB_UUID_TEXT - 1)
        return false;
    for (; *text; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit)
            return false;
        bits = bits << 6 | (unsigned)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            id.bytes[n++] = (uint8_t)(bits >> held);
        }
    }
    if (bits & ((1u << held) - 1))
        return false; /* bits that belong to no byte */
    *out = id;
    return true;
}
