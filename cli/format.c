/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/format.h"
#include "cli/envelope.h"
#include "cli/pack.h"
#include "cli/text.h"
#include <stdlib.h>
#include <string.h>

/* Text, then what the letter stands for; '\0': nothing. */
struct step {
    size_t from, size; /* in text */
    char letter;
};

enum { STEPS_MAX = 256 };

struct format {
    const struct args *args;
    kurier_bytes text; /* escapes resolved */
    struct step steps[STEPS_MAX];
    size_t count;
    bool packs, json;
};

static const char letters[] = "tpokKsSRTh";

/* ---- Cutting ----------------------------------------------------------------------*/

static bool add(struct format *f, size_t from, size_t to, char letter)
{
    if (f->count == STEPS_MAX)
        return false;
    f->steps[f->count++] = (struct step){from, to - from, letter};
    return true;
}

/* A percent sign is not made of an escape: those were resolved before. */
static const char *cut(struct format *f)
{
    const char *text = f->text.data;
    size_t from = 0, end = f->text.size;
    for (size_t at = 0; at + 1 < end; at++) {
        if (text[at] != '%')
            continue;
        char letter = text[at + 1];
        bool percent = letter == '%';
        if (!percent && (!letter || !strchr(letters, letter)))
            return text + at;
        if (!add(f, from, at + percent, percent ? '\0' : letter))
            return text + at;
        from = at + 2;
        at++;
    }
    bool open = end > from && text[end - 1] == '%';
    return open || !add(f, from, end, '\0') ? text + end - 1 : NULL;
}

/* Without -f: [key DELIMITER] value DELIMITER, as it could be produced again. */
static bool usual(struct format *f, const struct args *args)
{
    kurier_bytes key = args->key_delimiter, end = args->delimiter;
    if (!end.data)
        end = kurier_str("\n");
    char *text = malloc(key.size + end.size + 1);
    if (!text)
        return false;
    if (key.size)
        memcpy(text, key.data, key.size);
    memcpy(text + key.size, end.data, end.size);
    f->text = kurier_bytes_of(text, key.size + end.size);
    if (key.data)
        add(f, 0, 0, 'k');
    add(f, 0, key.size, 's');
    return add(f, key.size, f->text.size, '\0');
}

struct format *format_new(const struct args *args, int *status)
{
    struct format *f = calloc(1, sizeof *f);
    const char *wrong = NULL;
    bool custom = args->format && !args->json;
    *status = 0;
    if (!f ||
        !(custom ? text_unescape(args->format, strlen(args->format), &f->text) : usual(f, args))) {
        free(f);
        *status = cli_fail("out of memory");
        return NULL;
    }
    f->args = args;
    f->json = args->json;
    f->packs = args->pack_key || args->pack_value;
    if (custom)
        wrong = cut(f);
    if (!wrong)
        return f;
    *status = cli_misuse(args,
                         "-f: there is no %.2s; those known are %%t %%p %%o %%k %%K %%s %%S %%R "
                         "%%T %%h %%%%",
                         wrong);
    format_free(f);
    return NULL;
}

void format_free(struct format *format)
{
    if (format)
        free((void *)format->text.data);
    free(format);
}

/* ---- Printing ---------------------------------------------------------------------*/

static void print_bytes(const struct format *f, kurier_bytes bytes, const char *pack,
                        struct out *out)
{
    if (bytes.data && pack)
        pack_print(pack, bytes, out);
    else if (bytes.data)
        out_bytes(out, bytes.data, bytes.size);
    else if (f->args->nulls)
        out_text(out, "NULL");
}

static int64_t size_of(kurier_bytes bytes)
{
    return bytes.data ? (int64_t)bytes.size : -1;
}

static void print_binary_size(kurier_bytes bytes, struct out *out)
{
    uint32_t size = (uint32_t)size_of(bytes);
    for (int shift = 24; shift >= 0; shift -= 8)
        out_char(out, (char)(size >> shift));
}

static void print_headers(const kurier_record *record, struct out *out)
{
    kurier_bytes name, value;
    size_t at = 0;
    for (bool first = true; kurier_record_header(record, &at, &name, &value); first = false) {
        if (!first)
            out_char(out, ',');
        out_bytes(out, name.data, name.size);
        out_char(out, '=');
        if (value.data)
            out_bytes(out, value.data, value.size);
        else
            out_text(out, "NULL");
    }
}

static void print_letter(const struct format *f, char letter, const kurier_record *record,
                         struct out *out)
{
    switch (letter) {
    case 's':
        print_bytes(f, record->value, f->args->pack_value, out);
        break;
    case 'k':
        print_bytes(f, record->key, f->args->pack_key, out);
        break;
    case 't':
        out_text(out, record->topic);
        break;
    case 'p':
        out_number(out, record->partition);
        break;
    case 'o':
        out_number(out, record->offset);
        break;
    case 'K':
        out_number(out, size_of(record->key));
        break;
    case 'S':
        out_number(out, size_of(record->value));
        break;
    case 'R':
        print_binary_size(record->value, out);
        break;
    case 'T':
        out_number(out, record->timestamp_ms);
        break;
    case 'h':
        print_headers(record, out);
        break;
    }
}

static void print_steps(const struct format *f, const kurier_record *record, struct out *out)
{
    const char *text = f->text.data;
    for (size_t i = 0; i < f->count; i++) {
        const struct step *step = &f->steps[i];
        out_bytes(out, text + step->from, step->size);
        if (step->letter)
            print_letter(f, step->letter, record, out);
    }
}

/* Packed ones are tried first, so that a record is printed whole or not at all. */
static const char *misfit(const struct args *args, const kurier_record *record)
{
    const char *why = NULL;
    if (args->pack_key && record->key.data)
        why = pack_check(args->pack_key, record->key.size);
    if (!why && args->pack_value && record->value.data)
        why = pack_check(args->pack_value, record->value.size);
    return why;
}

const char *format_print(const struct format *format, const kurier_record *record, int32_t broker,
                         struct out *out)
{
    const char *why = format->packs ? misfit(format->args, record) : NULL;
    if (why)
        return why;
    if (format->json)
        envelope_print(format->args, record, broker, out);
    else
        print_steps(format, record, out);
    return NULL;
}
