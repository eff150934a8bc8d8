/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_ERROR_H
#define KB_ERROR_H
/*
 * One error value: code, class, words that say what to do. Kafka's codes keep
 * their numbers (base/codes.h); ours lie at -100 and below. The layout is that
 * of the public kurier_error.
 */
#include "base/codes.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum { KB_RETRIABLE = 1, KB_ABORTABLE = 2, KB_FATAL = 4 };

struct kb_error {
    int32_t code;     /* enum kb_code, base/codes.h */
    uint32_t classes; /* of KB_RETRIABLE ... */
    int32_t broker;   /* node id, or -1 */
    char text[244];   /* one line, without a newline at its end */
};

/* Clears to success. NULL is fine for every `err` below. */
void kb_error_clear(struct kb_error *err);
/* Sets and answers code; classes come from the table. Always returns code, so
 * that `return kb_error_set(err, ...)` reads well. */
int kb_error_set(struct kb_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "FORMAT: strerror(errno_value)". */
int kb_error_errno(struct kb_error *err, int code, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

const char *kb_code_name(int code); /* "NOT_LEADER_OR_FOLLOWER", "_QUEUE_FULL" */
const char *kb_code_text(int code); /* one line for people */
uint32_t kb_code_classes(int code);

#endif
