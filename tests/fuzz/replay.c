/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without a fuzzer. The corpus is text, an input in hex per
 * line; `#` starts a comment. Each input runs as it is, then damaged in ways
 * that a seed decides, so that every run is the same.
 *
 *   fuzz_NAME [FILE]      without FILE: tests/fuzz/corpus/NAME.txt
 */
#include "tests/fuzz/fuzz.h"

#include "base/random.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAMAGED_PER_INPUT = 2000, EDITS_MAX = 4 };

struct input {
    uint8_t *bytes;
    size_t size;
};

/* The target sees memory that ends where the input does. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint8_t odd_byte(struct kb_random *random)
{
    static const uint8_t odd[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff};
    return kb_random_below(random, 2) ? odd[kb_random_below(random, sizeof odd)]
                                      : (uint8_t)kb_random_next(random);
}

/* Overwrites, cuts out or doubles a few bytes; `bytes` has room for twice the size. */
static size_t damage(uint8_t *bytes, size_t size, struct kb_random *random)
{
    for (uint64_t edits = 1 + kb_random_below(random, EDITS_MAX); edits && size; edits--) {
        size_t at = kb_random_below(random, size);
        size_t span = 1 + kb_random_below(random, size - at < 8 ? size - at : 8);
        switch (kb_random_below(random, 6)) {
        case 0:
            memmove(bytes + at, bytes + at + span, size - at - span);
            size -= span;
            break;
        case 1:
            memmove(bytes + at + span, bytes + at, size - at);
            size += span;
            break;
        case 2:
            size = at;
            break;
        default:
            bytes[at] = odd_byte(random);
        }
    }
    return size;
}

static void run_damaged(const struct input *input, struct kb_random *random)
{
    uint8_t *bytes = malloc(input->size + 8 * EDITS_MAX + 1);
    if (!bytes)
        abort();
    for (int i = 0; i < DAMAGED_PER_INPUT; i++) {
        memcpy(bytes, input->bytes, input->size);
        run(bytes, damage(bytes, input->size, random));
    }
    free(bytes);
}

static int hex_digit(char c)
{
    const char *all = "0123456789abcdef", *at = strchr(all, c);
    return c && at ? (int)(at - all) : -1;
}

/* In place: the bytes are shorter than the text. False: not hex. */
static bool parse(char *line, struct input *out)
{
    char *text = line + strspn(line, " ");
    size_t digits = strcspn(text, " #\n");
    *out = (struct input){(uint8_t *)line, digits / 2};
    for (size_t i = 0; i < out->size; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return digits % 2 == 0;
}

static FILE *open_corpus(int argc, char **argv)
{
    char path[4096];
    const char *top = getenv("top_srcdir"), *name = strrchr(argv[0], '/');
    name = strstr(name ? name : argv[0], "fuzz_");
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s.txt", top ? top : ".",
             name ? name + strlen("fuzz_") : "");
    return fopen(argc > 1 ? argv[1] : path, "r");
}

/* How many inputs ran; -1: a line is not hex. */
static int run_all(FILE *file)
{
    struct kb_random random;
    kb_random_seed(&random, 1);
    char *line = NULL;
    size_t capacity = 0;
    int n = 0;
    while (n >= 0 && getline(&line, &capacity, file) > 0) {
        struct input input;
        if (!parse(line, &input)) {
            n = -1;
        } else if (input.size) {
            n++;
            run(input.bytes, input.size);
            run_damaged(&input, &random);
        }
    }
    free(line);
    return n;
}

int main(int argc, char **argv)
{
    FILE *file = open_corpus(argc, argv);
    int n = file ? run_all(file) : -1;
    if (file)
        fclose(file);
    if (n < 0) {
        puts(file ? "Bail out! the corpus is not hex" : "Bail out! no corpus");
        return 1;
    }
    printf("%s 1 - %d inputs, each also damaged %d times\n1..1\n", n ? "ok" : "not ok", n,
           DAMAGED_PER_INPUT);
    return n ? 0 : 1;
}
