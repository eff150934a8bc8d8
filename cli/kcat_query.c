/* SPDX-License-Identifier: Apache-2.0 */
/* -Q: offsets by time, as kcat asks for them: -t TOPIC:PARTITION:MS. */
#include "cli/admin.h"
#include "cli/commands.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cut in place at its last two colons. MS -1 is the end, -2 the beginning. */
static bool parse(char *text, kurier_position *out)
{
    char *time = strrchr(text, ':');
    int64_t partition, at;
    if (!time)
        return false;
    *time++ = '\0';
    char *number = strrchr(text, ':');
    if (!number)
        return false;
    *number++ = '\0';
    if (!*text || !cli_number(number, 0, INT32_MAX, &partition) ||
        !cli_number(time, KURIER_BEGINNING, INT64_MAX, &at))
        return false;
    *out = kurier_at(text, (int32_t)partition, at < 0 ? at : 0);
    out->timestamp_ms = at;
    return true;
}

static void print_json(const struct args *args, const kurier_result *result)
{
    struct js json = js_to(args->out);
    const kurier_offset_info *at;
    const char *topic = NULL;
    js_open(&json, NULL, '{');
    for (size_t i = 0; (at = kurier_result_offset(result, i)); i++) {
        char partition[16];
        if (topic && strcmp(topic, at->name) != 0)
            js_close(&json, '}');
        if (!topic || strcmp(topic, at->name) != 0) {
            js_open(&json, at->name, '{');
            js_text(&json, "topic", at->name);
        }
        topic = at->name;
        snprintf(partition, sizeof partition, "%" PRId32, at->partition);
        js_open(&json, partition, '{');
        js_number(&json, "partition", at->partition);
        js_number(&json, "offset", at->offset);
        if (at->code)
            js_text(&json, "error", kurier_code_text(at->code));
        js_close(&json, '}');
    }
    if (topic)
        js_close(&json, '}');
    js_close(&json, '}');
    js_end(&json);
}

static void print(const struct args *args, const kurier_result *result)
{
    const kurier_offset_info *at;
    if (args->json) {
        print_json(args, result);
        return;
    }
    for (size_t i = 0; (at = kurier_result_offset(result, i)); i++)
        if (!at->code)
            out_format(args->out, "%s [%" PRId32 "] offset %" PRId64 "\n", at->name, at->partition,
                       at->offset);
}

static int run(struct args *args)
{
    kurier_position positions[MAX_TOPICS];
    for (size_t i = 0; i < args->topic_count; i++)
        if (!parse((char *)args->topics[i], &positions[i]))
            return cli_misuse(args, "-t TOPIC:PARTITION:MILLISECONDS is expected");
    return admin_run(args, kurier_admin_list_offsets(positions, args->topic_count), print,
                     KURIER_OK);
}

const struct command kcat_query_command = {
    .name = "-Q",
    .operands = "",
    .doc = "prints the first offset that is not older than a time",
    .flags = "",
    .traits = TAKES_BROKERS | NEEDS_TOPIC,
    .run = run,
};
