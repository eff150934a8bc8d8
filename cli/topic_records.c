/* SPDX-License-Identifier: Apache-2.0 */
/* topic delete-records, topic producers: what partitions hold. */
#include "cli/commands.h"
#include "cli/spread.h"
#include <string.h>

typedef kurier_request *request_fn(const kurier_position *positions, size_t n);

/* The request for every partition that the operands and -p name. */
static int ask_all(const struct args *args, int64_t offset, request_fn *request,
                   admin_print_fn *print)
{
    struct admin admin;
    struct spread spread = {0};
    kurier_result *result = NULL;
    int status = admin_open(&admin, args);
    if (!status)
        status = spread_load(&spread, &admin, (const char *const *)args->operands,
                             (size_t)args->operand_count);
    spread_at(&spread, offset, 0);
    if (!status && spread.count)
        result = admin_ask(&admin, request(spread.positions, spread.count), &status);
    if (result) {
        print(args, result);
        out_flush(args->out);
        status = admin_complain(result, KURIER_OK);
    }
    status = status ? status : spread.status;
    kurier_result_free(result);
    spread_free(&spread);
    admin_close(&admin);
    return status;
}

/* ---- Deleting records --------------------------------------------------------------------*/

static void print_beginnings(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {
        {"TOPIC", "topic"}, {">PARTITION", "partition"}, {">BEGINNING", "beginning"}, {NULL, NULL}};
    struct listing listing;
    const kurier_offset_info *at;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; (at = kurier_result_offset(result, i)); i++) {
        if (at->code)
            continue;
        listing_text(&listing, at->name);
        listing_number(&listing, at->partition);
        listing_number(&listing, at->offset);
    }
    listing_end(&listing);
}

static int run_delete(struct args *args)
{
    int64_t offset = KURIER_END;
    if (!args->start)
        return cli_misuse(args, "-o OFFSET is missing: the first to keep, or end");
    if (strcmp(args->start, "end") != 0 && !cli_number(args->start, 0, INT64_MAX, &offset))
        return cli_misuse(args, "-o %s: an offset, or end", args->start);
    return ask_all(args, offset, kurier_admin_delete_records, print_beginnings);
}

const struct command topic_delete_records_command = {
    .name = "topic delete-records",
    .operands = "NAME...",
    .doc = "deletes the records before an offset",
    .flags = "partition before json",
    .traits = TAKES_BROKERS,
    .run = run_delete,
    .about = "Of every partition, or of that of -p. Prints where each begins then.",
};

/* ---- Producers ----------------------------------------------------------------------------*/

static void print_producers(const struct args *args, const kurier_result *result)
{
    static const struct column columns[] = {{"TOPIC", "topic"},
                                            {">PARTITION", "partition"},
                                            {">PRODUCER", "producer_id"},
                                            {">EPOCH", "epoch"},
                                            {">LAST SEQUENCE", "last_sequence"},
                                            {">LAST TIMESTAMP", "last_timestamp"},
                                            {">TRANSACTION AT", "transaction_start"},
                                            {NULL, NULL}};
    struct listing listing;
    const kurier_producers_info *at;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; (at = kurier_result_producers(result, i)); i++)
        for (uint32_t k = 0; k < at->producer_count; k++) {
            const kurier_producer_state *producer = &at->producers[k];
            listing_text(&listing, at->name);
            listing_number(&listing, at->partition);
            listing_number(&listing, producer->id);
            listing_number(&listing, producer->epoch);
            listing_number(&listing, producer->last_sequence);
            listing_number(&listing, producer->last_timestamp_ms);
            listing_number(&listing, producer->transaction_start);
        }
    listing_end(&listing);
}

static int run_producers(struct args *args)
{
    return ask_all(args, 0, kurier_admin_describe_producers, print_producers);
}

const struct command topic_producers_command = {
    .name = "topic producers",
    .operands = "NAME...",
    .doc = "prints the producers that partitions remember",
    .flags = "partition json",
    .traits = TAKES_BROKERS,
    .run = run_producers,
};
