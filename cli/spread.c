/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/spread.h"
#include <inttypes.h>
#include <stdlib.h>

static size_t count(const struct spread *spread)
{
    const kurier_topic_info *topic;
    size_t n = 0;
    for (size_t i = 0; (topic = kurier_result_topic(spread->topics, i)); i++)
        n += topic->partition_count > 0 ? (size_t)topic->partition_count : 0;
    return n;
}

static void add_topic(struct spread *spread, const kurier_topic_info *topic, int64_t wanted)
{
    size_t before = spread->count;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        int32_t id = topic->partitions[i].partition;
        if (wanted < 0 || id == wanted)
            spread->positions[spread->count++] = kurier_at(topic->name, id, KURIER_END);
    }
    if (spread->count == before)
        spread->status = cli_fail("%s has %" PRId32 " partitions; there is no %" PRId64,
                                  topic->name, topic->partition_count, wanted);
}

int spread_load(struct spread *spread, struct admin *admin, const char *const *names, size_t n)
{
    const kurier_topic_info *topic;
    int status;
    *spread = (struct spread){0};
    spread->topics = admin_ask(admin, kurier_admin_describe_topics(n ? names : NULL, n), &status);
    if (!spread->topics)
        return status;
    spread->status = admin_complain(spread->topics, KURIER_OK);
    spread->positions = calloc(count(spread) + 1, sizeof *spread->positions);
    if (!spread->positions)
        return cli_fail("out of memory");
    for (size_t i = 0; (topic = kurier_result_topic(spread->topics, i)); i++)
        if (!topic->code && (n || !topic->internal))
            add_topic(spread, topic, admin->args->partition);
    return spread->count ? 0 : spread->status;
}

void spread_at(struct spread *spread, int64_t offset, int64_t timestamp_ms)
{
    for (size_t i = 0; i < spread->count; i++) {
        spread->positions[i].offset = offset;
        spread->positions[i].timestamp_ms = timestamp_ms;
    }
}

void spread_free(struct spread *spread)
{
    kurier_result_free(spread->topics);
    free(spread->positions);
}
