/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUT_H
#define CLI_OUT_H
/*
 * Standard output: one buffer in front of it, and an error that sticks, so that
 * nobody checks each call. Bytes are bytes; zeros among them are none the less.
 */
#include <kurier/base.h>
#include <stdarg.h>

enum { OUT_BYTES = 128 * 1024 };

struct out {
    int fd;
    int error; /* errno of the first write that failed; then all is swallowed */
    bool colours;
    size_t at;
    char data[OUT_BYTES];
};

void out_init(struct out *out, int fd);
void out_bytes_slowly(struct out *out, const void *data, size_t size);
void out_text(struct out *out, const char *text);
void out_number(struct out *out, int64_t value);
void out_format(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void out_flush(struct out *out);

static inline void out_bytes(struct out *out, const void *data, size_t size)
{
    if (size > OUT_BYTES - out->at) {
        out_bytes_slowly(out, data, size);
        return;
    }
    __builtin_memcpy(out->data + out->at, data, size);
    out->at += size;
}

static inline void out_char(struct out *out, char c)
{
    out_bytes(out, &c, 1);
}

/* Words that a terminal shows in a colour; elsewhere they are words. */
enum out_colour { OUT_PLAIN, OUT_HEAD, OUT_GOOD, OUT_BAD };
void out_colour(struct out *out, enum out_colour colour);

#endif
