/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/corpus.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool words_read(struct words *words, char **argv, int argc)
{
    const char *count = "100000", *large = "3";
    *words = (struct words){.codec = "none", .idempotent = "false", .steps = "", .without = ""};
    const struct {
        const char *name, **text;
    } known[] = {{"count=", &count},        {"large=", &large},
                 {"codec=", &words->codec}, {"idempotent=", &words->idempotent},
                 {"steps=", &words->steps}, {"without=", &words->without}};
    for (int i = 0; i < argc; i++) {
        size_t k = 0, n = sizeof known / sizeof *known;
        while (k < n && strncmp(argv[i], known[k].name, strlen(known[k].name)) != 0)
            k++;
        if (k == n)
            return false;
        *known[k].text = argv[i] + strlen(known[k].name);
    }
    words->count = atoi(count);
    words->large = atoi(large);
    return true;
}

bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && !memcmp(at, word, n))
            return true;
    return false;
}

static struct bytes large_value(int i)
{
    static char value[LARGE_BYTES];
    for (int at = 0; at < LARGE_BYTES; at++)
        value[at] = (char)((at * 31 + i) % 251);
    return (struct bytes){value, LARGE_BYTES};
}

static struct bytes small_value(int i)
{
    static char value[256];
    if (i % 17 < 2)
        return (struct bytes){i % 17 ? value : NULL, 0};
    size_t n = (size_t)sprintf(value, "value-%d-", i), pad = (size_t)i % 150;
    memset(value + n, 'x', pad);
    return (struct bytes){value, n + pad};
}

void sample_make(struct sample *s, const struct words *words, int i)
{
    *s = (struct sample){.timestamp_ms = BASE_MS + (int64_t)STEP_MS * i, .offset = i};
    if (i % 10 > 1)
        sprintf(s->key_text, "key-%d", i);
    s->key = (struct bytes){i % 10 ? s->key_text : NULL, strlen(s->key_text)};
    s->value = i < words->count ? small_value(i) : large_value(i);
    if (!s->key.data && !s->value.data && list_has(words->without, "null-record"))
        s->value.data = "";
    if (i % 5)
        return;
    s->header_count = list_has(words->without, "null-header") ? 2 : 3;
    size_t n = (size_t)sprintf(s->number, "%d", i);
    s->headers[0].name = "number", s->headers[0].value = (struct bytes){s->number, n};
    s->headers[1].name = "empty", s->headers[1].value = (struct bytes){"", 0};
    s->headers[2].name = "null";
    for (size_t h = 0; h < s->header_count; h++)
        s->headers[h].name_size = strlen(s->headers[h].name);
}

void asked_make(struct asked asked[ASKED], const struct words *words)
{
    int last = words->count + words->large - 1;
    const int wanted[] = {0, 1, words->count / 2, last};
    for (int k = 0; k < ASKED - 1; k++) {
        int64_t before_ms = k % 2 ? 0 : 3; /* before the record's time, and at it */
        asked[k].record = wanted[k / 2];
        asked[k].time_ms = BASE_MS + (int64_t)STEP_MS * wanted[k / 2] - before_ms;
    }
    asked[ASKED - 1] = (struct asked){BASE_MS + (int64_t)STEP_MS * last + 1, -1};
}

static bool same(struct bytes a, struct bytes b)
{
    if (!a.data || !b.data)
        return !a.data && !b.data;
    return a.size == b.size && !memcmp(a.data, b.data, a.size);
}

static bool same_headers(const struct sample *a, const struct sample *b)
{
    if (a->header_count != b->header_count)
        return false;
    for (size_t h = 0; h < a->header_count; h++)
        if (a->headers[h].name_size != b->headers[h].name_size ||
            memcmp(a->headers[h].name, b->headers[h].name, a->headers[h].name_size) != 0 ||
            !same(a->headers[h].value, b->headers[h].value))
            return false;
    return true;
}

const char *sample_difference(const struct sample *got, const struct sample *want)
{
    if (got->offset != want->offset)
        return "offset";
    if (!same(got->key, want->key))
        return "key";
    if (!same(got->value, want->value))
        return "value";
    if (got->timestamp_ms != want->timestamp_ms)
        return "timestamp";
    return same_headers(got, want) ? NULL : "headers";
}
