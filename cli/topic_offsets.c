/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/spread.h"
#include <string.h>

static kurier_result *ask(struct admin *admin, struct spread *spread, int64_t offset,
                          int64_t timestamp_ms, int *status)
{
    spread_at(spread, offset, timestamp_ms);
    return admin_ask(admin, kurier_admin_list_offsets(spread->positions, spread->count), status);
}

/* ---- Both ends -------------------------------------------------------------------------*/

static void print_ends(const struct args *args, const kurier_result *first,
                       const kurier_result *last)
{
    static const struct column columns[] = {
        {"TOPIC", "topic"}, {">PARTITION", "partition"}, {">BEGINNING", "beginning"},
        {">END", "end"},    {">RECORDS", "records"},     {NULL, NULL}};
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; i < kurier_result_count(first); i++) {
        const kurier_offset_info *from = kurier_result_offset(first, i),
                                 *to = kurier_result_offset(last, i);
        if (from->code || to->code)
            continue;
        listing_text(&listing, from->name);
        listing_number(&listing, from->partition);
        listing_number(&listing, from->offset);
        listing_number(&listing, to->offset);
        listing_number(&listing, to->offset - from->offset);
    }
    listing_end(&listing);
}

static int ends(struct admin *admin, struct spread *spread)
{
    int status;
    kurier_result *last = NULL, *first = ask(admin, spread, KURIER_BEGINNING, 0, &status);
    if (first)
        last = ask(admin, spread, KURIER_END, 0, &status);
    if (last) {
        print_ends(admin->args, first, last);
        out_flush(admin->args->out);
        status = admin_complain(first, KURIER_OK);
        status = status ? status : admin_complain(last, KURIER_OK);
    }
    kurier_result_free(first);
    kurier_result_free(last);
    return status;
}

/* ---- One place --------------------------------------------------------------------------*/

static void print_places(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {{"TOPIC", "topic"},
                                            {">PARTITION", "partition"},
                                            {">OFFSET", "offset"},
                                            {">TIMESTAMP", "timestamp"},
                                            {NULL, NULL}};
    struct listing listing;
    const kurier_offset_info *at;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; (at = kurier_result_offset(result, i)); i++) {
        if (at->code)
            continue;
        listing_text(&listing, at->name);
        listing_number(&listing, at->partition);
        listing_number(&listing, at->offset);
        listing_number(&listing, at->timestamp_ms);
    }
    listing_end(&listing);
}

static bool parse(const char *text, int64_t *offset, int64_t *at_ms)
{
    *at_ms = 0;
    *offset = !strcmp(text, "beginning") ? KURIER_BEGINNING
              : !strcmp(text, "latest")  ? KURIER_LATEST
              : !strcmp(text, "end")     ? KURIER_END
                                         : 0;
    return *offset || (!strncmp(text, "s@", 2) && cli_number(text + 2, 0, INT64_MAX, at_ms));
}

static int place(struct admin *admin, struct spread *spread)
{
    int64_t offset, at_ms;
    int status;
    parse(admin->args->start, &offset, &at_ms);
    kurier_result *result = ask(admin, spread, offset, at_ms, &status);
    if (result) {
        print_places(admin->args, result);
        out_flush(admin->args->out);
        status = admin_complain(result, KURIER_OK);
    }
    kurier_result_free(result);
    return status;
}

/* ---- The command --------------------------------------------------------------------------*/

static int run(struct args *args)
{
    struct admin admin;
    struct spread spread = {0};
    int64_t offset, at_ms;
    if (args->start && !parse(args->start, &offset, &at_ms))
        return cli_misuse(args, "-o %s: beginning, end, latest or s@MS is expected", args->start);
    int status = admin_open(&admin, args);
    if (!status)
        status = spread_load(&spread, &admin, (const char *const *)args->operands,
                             (size_t)args->operand_count);
    if (!status && spread.count)
        status = args->start ? place(&admin, &spread) : ends(&admin, &spread);
    status = status ? status : spread.status;
    spread_free(&spread);
    admin_close(&admin);
    return status;
}

const struct command topic_offsets_command = {
    .name = "topic offsets",
    .operands = "[NAME]...",
    .doc = "prints where partitions begin and end",
    .flags = "partition at json",
    .traits = TAKES_BROKERS,
    .run = run,
    .about = "With -o instead the offset of that place; latest is the record with the largest "
             "timestamp. Where there is no such record it is - (-1 with -J).",
};
