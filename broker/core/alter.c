/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/alter.h"
#include "base/check.h"
#include <string.h>

enum { ROWS_MAX = 512, VALUE_MAX = 4096 };

struct plan {
    const struct kd_alter_target *target;
    struct kd_overrides *out;
    struct kb_error *err;
    bool seen[ROWS_MAX]; /* by row */
};

/* As a C string; false: it cannot be one. */
static bool to_text(struct kb_slice from, char *out, size_t size)
{
    if (from.size >= size || memchr(from.data, 0, from.size))
        return false;
    memcpy(out, from.data, from.size);
    out[from.size] = '\0';
    return true;
}

static int no_memory(struct plan *plan)
{
    return kb_error_set(plan->err, KB_E_UNKNOWN_SERVER_ERROR, "out of memory");
}

static int unknown(struct plan *plan, struct kb_slice key)
{
    char text[128];
    const char *near =
        to_text(key, text, sizeof text) ? kb_options_nearest(plan->target->table, text) : NULL;
    return near ? kb_error_set(plan->err, plan->target->bad,
                               "unknown configuration key '%s'; did you mean '%s'?", text, near)
                : kb_error_set(plan->err, plan->target->bad, "unknown configuration key '%.*s'",
                               (int)KB_MIN(key.size, (size_t)100), (const char *)key.data);
}

const struct kb_option *kd_alter_row(const struct kb_options *table,
                                     const struct kd_alteration *alteration)
{
    char text[128];
    return to_text(alteration->key, text, sizeof text) ? kb_options_find(table, text) : NULL;
}

/* ---- One key ------------------------------------------------------------ */

/* Tried on the values: what it says has to be in range. */
static int try(struct plan *plan, const struct kb_option *row, const char *value)
{
    struct kb_error why;
    if (kb_options_set(plan->target->table, plan->target->values, row->key, value, &why))
        return kb_error_set(plan->err, plan->target->bad, "%s", why.text);
    return 0;
}

/* As the values have it now, in its one spelling. */
static int keep(struct plan *plan, const struct kb_option *row)
{
    char text[VALUE_MAX];
    kb_options_get(row, plan->target->values, text, sizeof text);
    return kd_overrides_set(plan->out, row->key, text) ? 0 : no_memory(plan);
}

static int set(struct plan *plan, const struct kb_option *row, const char *value)
{
    int code = try(plan, row, value);
    if (code || row->type != KB_OPT_SET)
        return code ? code : keep(plan, row);
    return kd_overrides_set(plan->out, row->key, value) ? 0 : no_memory(plan); /* in its order */
}

/* The words of a list that are there already, with these, or without them. */
static int edit(struct plan *plan, const struct kb_option *row, const char *value, bool add)
{
    unsigned *bits = (unsigned *)(void *)((char *)plan->target->values + row->field);
    unsigned before = *bits;
    int code = try(plan, row, value);
    if (code)
        return code;
    *bits = add ? before | *bits : before & ~*bits;
    return keep(plan, row);
}

static int change(struct plan *plan, const struct kb_option *row,
                  const struct kd_alteration *alteration)
{
    char value[VALUE_MAX];
    bool edits = alteration->kind != KD_ALTER_SET;
    if (row->type == KB_OPT_IGNORED)
        return 0;
    if (edits && row->type != KB_OPT_SET)
        return kb_error_set(plan->err, plan->target->bad,
                            "%s is no list: nothing can be added to it or taken from it", row->key);
    if (!to_text(alteration->value, value, sizeof value))
        return kb_error_set(plan->err, plan->target->bad,
                            "%s: the value is too long, or has a 0 byte in it", row->key);
    return edits ? edit(plan, row, value, alteration->kind == KD_ALTER_APPEND)
                 : set(plan, row, value);
}

static int check(struct plan *plan, const struct kb_option *row,
                 const struct kd_alteration *alteration)
{
    bool *seen = &plan->seen[row - plan->target->table->rows];
    if (*seen)
        return kb_error_set(plan->err, KB_E_INVALID_REQUEST, "%s stands twice in this request",
                            row->key);
    *seen = true;
    if (alteration->kind < KD_ALTER_SET || alteration->kind > KD_ALTER_SUBTRACT)
        return kb_error_set(plan->err, KB_E_INVALID_REQUEST,
                            "%s: operation %d is none of set, delete, append and subtract",
                            row->key, alteration->kind);
    if (alteration->kind == KD_ALTER_DELETE)
        return 0;
    if (kb_slice_is_null(alteration->value))
        return kb_error_set(plan->err, KB_E_INVALID_REQUEST,
                            "%s: a null value; delete the key to go back to its default", row->key);
    if (!(row->flags & KB_OPT_DYNAMIC))
        return kb_error_set(
            plan->err, plan->target->bad,
            "%s is read at start alone: set it in the file, and start the broker again", row->key);
    return 0;
}

/* One that a newer broker set, say. */
static int forget(struct plan *plan, struct kb_slice key)
{
    char text[128];
    if (to_text(key, text, sizeof text))
        kd_overrides_remove(plan->out, text);
    return 0;
}

static int step(struct plan *plan, const struct kd_alteration *alteration)
{
    const struct kb_option *row = kd_alter_row(plan->target->table, alteration);
    bool removes = alteration->kind == KD_ALTER_DELETE;
    if (!row)
        return removes ? forget(plan, alteration->key) : unknown(plan, alteration->key);
    int code = check(plan, row, alteration);
    if (code)
        return code;
    if (!removes)
        return change(plan, row, alteration);
    kd_overrides_remove(plan->out, row->key);
    return 0;
}

int kd_alter_plan(const struct kd_alter_target *target, const struct kd_alteration *alterations,
                  size_t count, bool replace, struct kd_overrides *out, struct kb_error *err)
{
    struct plan plan = {.target = target, .out = out, .err = err};
    KB_CHECK(target->table->count <= ROWS_MAX);
    *out = (struct kd_overrides){0};
    if (!replace && !kd_overrides_copy(out, target->own))
        return no_memory(&plan);
    for (size_t i = 0; i < count; i++) {
        int code = step(&plan, &alterations[i]);
        if (code) {
            kd_overrides_deinit(out);
            return code;
        }
    }
    return 0;
}
