/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_UUID_H
#define KB_UUID_H
/* 128-bit ids as the protocol carries them; text is URL-safe base64 without
 * padding, 22 characters, as Kafka prints topic ids. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct kb_random;

struct kb_uuid {
    uint8_t bytes[16];
};

enum { KB_UUID_TEXT = 23 }; /* with the 0 byte */

static inline bool kb_uuid_is_zero(struct kb_uuid id)
{
    static const struct kb_uuid zero;
    return !memcmp(&id, &zero, sizeof id);
}

static inline bool kb_uuid_equal(struct kb_uuid a, struct kb_uuid b)
{
    return !memcmp(&a, &b, sizeof a);
}

/* Random, version 4; never zero, and its text never begins with '-'. */
struct kb_uuid kb_uuid_random(struct kb_random *random);
void kb_uuid_format(struct kb_uuid id, char out[KB_UUID_TEXT]);
bool kb_uuid_parse(const char *text, struct kb_uuid *out);

#endif
