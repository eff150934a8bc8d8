/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PEERS_CORPUS_H
#define TESTS_PEERS_CORPUS_H
/*
 * The records that peers exchange, known to each by a rule. Each language has
 * the rule once; exchange.py tells what a peer program does with them. Record i
 * of `count` small ones and `large` large ones behind them:
 *
 *   key        null, empty or "key-i"            by i % 10
 *   value      null, empty or "value-i-xxx..."   by i % 17, i % 150 times x;
 *              a large one: LARGE_BYTES bytes, (at * 31 + i) % 251 each
 *   headers    number=i, empty=, null (null)     where i % 5 == 0
 *   timestamp  BASE_MS + STEP_MS * i
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LARGE_BYTES = 1000000, STEP_MS = 10, PATIENCE_MS = 60000 };
#define BASE_MS INT64_C(1700000000000)

/* The command line behind TOPIC: count=N large=N codec=NAME idempotent=true steps=A,B without=A,B. */
struct words {
    int count, large;
    const char *codec, *idempotent, *steps, *without;
};
/* False: there is one that nobody knows. The texts are argv's. */
bool words_read(struct words *words, char **argv, int argc);
/* Whether `word` stands in a list A,B,C. */
bool list_has(const char *list, const char *word);

struct bytes {
    const void *data; /* NULL: null */
    size_t size;
};

struct sample {
    struct bytes key, value;
    struct {
        const char *name;
        size_t name_size;
        struct bytes value;
    } headers[3];
    size_t header_count;
    int64_t timestamp_ms, offset;
    char key_text[32], number[16];
};

/* Makes record i. Its views live until the next call. */
void sample_make(struct sample *sample, const struct words *words, int i);
/* What seek asks for: a time, and the first record that is not older (-1: there is none). */
struct asked {
    int64_t time_ms;
    int record;
};
enum { ASKED = 9 };
void asked_make(struct asked asked[ASKED], const struct words *words);

/* The name of what is not the same, or NULL. */
const char *sample_difference(const struct sample *got, const struct sample *want);

#endif
