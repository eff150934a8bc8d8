/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file of kurierd: refused with words, or taken; and a file made
 * of what was taken is taken as well, and says the same.
 */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "base/mem.h"
#include "broker/core/config.h"

#include <string.h>

enum { VALUE_MAX_BYTES = 1 << 16 };

/* A list of keys and values, each 0-terminated. */
struct pairs {
    char *bytes;
    size_t size, room;
};

static void add(struct pairs *pairs, const char *text)
{
    size_t size = strlen(text) + 1;
    KB_CHECK(size <= pairs->room - pairs->size);
    memcpy(pairs->bytes + pairs->size, text, size);
    pairs->size += size;
}

static int add_pair(void *ctx, const char *key, const char *value, int line, struct kb_error *err)
{
    (void)line;
    (void)err;
    add(ctx, key);
    add(ctx, value);
    return 0;
}

/* A pair never takes more room than its text. */
static void parse(const uint8_t *data, size_t size)
{
    struct kb_error err;
    char *text = kb_malloc(size + 1);
    struct pairs pairs = {.bytes = kb_malloc(2 * size + 2), .room = 2 * size + 2};
    KB_CHECK(text && pairs.bytes);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    int code = kb_properties_parse(text, size, add_pair, &pairs, &err);
    KB_CHECK(!code || *err.text);
    kb_free(text);
    kb_free(pairs.bytes);
}

static void must_take_again(const struct kd_config *config)
{
    const struct kb_options *table = kd_config_table();
    struct kd_config again;
    struct kb_error err;
    char *one = kb_malloc(VALUE_MAX_BYTES), *other = kb_malloc(VALUE_MAX_BYTES);
    KB_CHECK(one && other && kd_config_init(&again));
    for (size_t i = 0; i < table->count; i++) {
        const struct kb_option *row = &table->rows[i];
        if (!kd_config_is_given(config, row) || row->type == KB_OPT_IGNORED ||
            kb_options_get(row, config, one, VALUE_MAX_BYTES) >= VALUE_MAX_BYTES)
            continue;
        KB_CHECK(!kd_config_set(&again, row->key, one, NULL, &err));
        kb_options_get(row, &again, other, VALUE_MAX_BYTES);
        KB_CHECK(!strcmp(one, other));
    }
    kd_config_deinit(&again);
    kb_free(one);
    kb_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kd_config config;
    struct kb_error err;
    char *text = kb_malloc(size + 1);
    KB_CHECK(text && kd_config_init(&config));
    parse(data, size);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    int code = kd_config_load(&config, text, size, NULL, &err);
    KB_CHECK(!code || *err.text);
    if (!code)
        must_take_again(&config);
    if (!code && kd_config_settle(&config, &err))
        KB_CHECK(*err.text);
    kd_config_deinit(&config);
    kb_free(text);
    return 0;
}
