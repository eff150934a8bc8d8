/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* https://no-color.org */
static bool wants_colours(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && (!no || !*no) && term && strcmp(term, "dumb") != 0;
}

void out_init(struct out *out, int fd)
{
    out->fd = fd;
    out->error = 0;
    out->at = 0;
    out->colours = wants_colours(fd);
}

static void write_all(struct out *out, const char *data, size_t size)
{
    while (size && !out->error) {
        ssize_t wrote = write(out->fd, data, size);
        if (wrote < 0 && errno != EINTR)
            out->error = errno;
        if (wrote > 0) {
            data += wrote;
            size -= (size_t)wrote;
        }
    }
}

void out_flush(struct out *out)
{
    write_all(out, out->data, out->at);
    out->at = 0;
}

void out_bytes_slowly(struct out *out, const void *data, size_t size)
{
    out_flush(out);
    if (size >= OUT_BYTES) {
        write_all(out, data, size);
        return;
    }
    memcpy(out->data, data, size);
    out->at = size;
}

void out_text(struct out *out, const char *text)
{
    out_bytes(out, text, strlen(text));
}

void out_number(struct out *out, int64_t value)
{
    char digits[20], *at = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        out_char(out, '-');
    out_bytes(out, at, (size_t)(digits + sizeof digits - at));
}

void out_format(struct out *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size >= 0 && (size_t)size < sizeof text) {
        out_bytes(out, text, (size_t)size);
        return;
    }
    char *large = NULL;
    va_start(args, format);
    size = vasprintf(&large, format, args);
    va_end(args);
    if (size < 0) {
        out->error = ENOMEM;
        return;
    }
    out_bytes(out, large, (size_t)size);
    free(large);
}

void out_colour(struct out *out, enum out_colour colour)
{
    static const char *const codes[] = {[OUT_PLAIN] = "\033[0m",
                                        [OUT_HEAD] = "\033[1m",
                                        [OUT_GOOD] = "\033[32m",
                                        [OUT_BAD] = "\033[31m"};
    if (out->colours)
        out_text(out, codes[colour]);
}
