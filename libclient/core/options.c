/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/options.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/core/options_foreign.h"
#include <string.h>

/* clang-format off */
#define ROW(key, type, field, value, min, max, choices, aliases, doc) \
    {key, type, SCOPE, 0, offsetof(struct kc_options, field), value, min, max, choices, aliases, NULL, doc},
#define BOOL(key, field, value, aliases, doc) \
    ROW(key, KB_OPT_BOOL, field, value, 0, 0, NULL, aliases, doc)
#define INT(key, field, value, min, max, aliases, doc) \
    ROW(key, KB_OPT_INT, field, value, min, max, NULL, aliases, doc)
#define LONG(key, field, value, min, max, aliases, doc) \
    ROW(key, KB_OPT_LONG, field, value, min, max, NULL, aliases, doc)
#define DOUBLE(key, field, value, min, max, aliases, doc) \
    ROW(key, KB_OPT_DOUBLE, field, value, min, max, NULL, aliases, doc)
#define STRING(key, field, value, aliases, doc) \
    ROW(key, KB_OPT_STRING, field, value, 0, 0, NULL, aliases, doc)
#define LIST(key, field, value, aliases, doc) \
    ROW(key, KB_OPT_LIST, field, value, 0, 0, NULL, aliases, doc)
#define LIST_OF(key, field, value, choices, aliases, doc) \
    ROW(key, KB_OPT_LIST, field, value, 0, 0, choices, aliases, doc)
#define ENUM(key, field, value, choices, aliases, doc) \
    ROW(key, KB_OPT_ENUM, field, value, 0, 0, choices, aliases, doc)
/* clang-format on */

static const struct kb_option rows[] = {
#define SCOPE KC_SCOPE_ALL
#include "libclient/core/options_common.def"
#undef SCOPE
#define SCOPE KC_SCOPE_PRODUCER
#include "libclient/core/options_producer.def"
#undef SCOPE
#define SCOPE KC_SCOPE_CONSUMER
#include "libclient/core/options_consumer.def"
#undef SCOPE
};
_Static_assert(KB_ARRAY_SIZE(rows) <= KC_OPTIONS_MAX, "given[] has an entry for each");

const struct kb_options kc_options_table = {rows, KB_ARRAY_SIZE(rows)};

struct kc_options *kc_options_new(void)
{
    struct kc_options *options = KB_NEW(struct kc_options);
    if (options && !kb_options_default(&kc_options_table, options)) {
        kc_options_free(options);
        return NULL;
    }
    return options;
}

void kc_options_free(struct kc_options *options)
{
    if (options)
        kb_options_free(&kc_options_table, options);
    kb_free(options);
}

static bool is_text(const struct kb_option *row)
{
    return row->type == KB_OPT_STRING || row->type == KB_OPT_LIST;
}

static char **text_of(const struct kb_option *row, struct kc_options *options)
{
    return (char **)(void *)((char *)options + row->field);
}

struct kc_options *kc_options_dup(const struct kc_options *options)
{
    struct kc_options *copy = KB_NEW(struct kc_options);
    if (!copy)
        return NULL;
    *copy = *options;
    bool whole = true;
    for (size_t i = 0; i < KB_ARRAY_SIZE(rows); i++) {
        if (!is_text(&rows[i]))
            continue;
        char **text = text_of(&rows[i], copy);
        bool had = *text != NULL;
        *text = had ? kb_strdup(*text) : NULL;
        whole &= !had || *text;
    }
    if (!whole) {
        kc_options_free(copy);
        return NULL;
    }
    return copy;
}

/* A key of another client's: better advice than the nearest of ours. */
static int refuse_foreign(const struct kc_foreign_option *foreign, const char *key,
                          struct kb_error *err)
{
    return kb_error_set(err, KB_E_BAD_CONFIG, "unknown option %s, known to %s: %s", key,
                        kc_whose_name(foreign->whose), foreign->instead);
}

int kc_options_set(struct kc_options *options, const char *key, const char *value,
                   struct kb_error *err)
{
    const struct kc_foreign_option *foreign =
        kb_options_find(&kc_options_table, key) ? NULL : kc_foreign_option_find(key);
    if (foreign)
        return refuse_foreign(foreign, key, err);
    int code = kb_options_set(&kc_options_table, options, key, value, err);
    if (code == 0)
        options->given[kb_options_find(&kc_options_table, key) - rows] = value != NULL;
    return code;
}

size_t kc_options_get(const struct kc_options *options, const char *key, char *out, size_t size)
{
    const struct kb_option *row = kb_options_find(&kc_options_table, key);
    if (row)
        return kb_options_get(row, options, out, size);
    if (size)
        *out = '\0';
    return 0;
}

bool kc_options_given(const struct kc_options *options, const char *key)
{
    const struct kb_option *row = kb_options_find(&kc_options_table, key);
    KB_CHECK(row);
    return options->given[row - rows];
}
