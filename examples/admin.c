/* SPDX-License-Identifier: Apache-2.0 */
/* admin BROKERS TOPIC: makes the topic if there is none, keeps its records for a day,
 * and prints how many records each of its partitions holds. */
#include <inttypes.h>
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 10000 };

/* NULL: it failed, and that is told. `fine` is no failure. */
static kurier_result *run(kurier_client *client, kurier_request *request, kurier_code fine)
{
    kurier_error err;
    kurier_result *result = kurier_admin_run(client, request, TIMEOUT_MS, &err);
    if (result && (!kurier_result_error(result, &err) || err.code == fine))
        return result;
    fprintf(stderr, "%s\n", err.text);
    kurier_result_free(result);
    return NULL;
}

static int print_sizes(kurier_client *client, const char *name)
{
    kurier_result *described = run(client, kurier_admin_describe_topics(&name, 1), KURIER_OK);
    if (!described)
        return 1;
    int32_t count = kurier_result_topic(described, 0)->partition_count;
    kurier_result_free(described);

    /* Item i answers position i: both ends of each partition in one request. */
    kurier_position *ends = calloc(2 * (size_t)count, sizeof *ends);
    for (int32_t i = 0; ends && i < count; i++) {
        ends[2 * i] = kurier_at(name, i, KURIER_BEGINNING);
        ends[2 * i + 1] = kurier_at(name, i, KURIER_END);
    }
    kurier_result *offsets =
        run(client, kurier_admin_list_offsets(ends, ends ? 2 * (size_t)count : 0), KURIER_OK);
    for (size_t i = 0; offsets && i < kurier_result_count(offsets); i += 2)
        printf("%s [%" PRId32 "]: %" PRId64 " records\n", name,
               kurier_result_item(offsets, i)->partition,
               kurier_result_offset(offsets, i + 1)->offset -
                   kurier_result_offset(offsets, i)->offset);
    int status = offsets == NULL;
    kurier_result_free(offsets);
    free(ends);
    return status;
}

int main(int argc, char **argv)
{
    kurier_error err;
    if (argc != 3) {
        fprintf(stderr, "usage: %s BROKERS TOPIC\n", argv[0]);
        return 2;
    }
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    kurier_client *client = kurier_client_new(NULL, config, &err);
    kurier_config_free(config);
    if (!client) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }

    kurier_new_topic topic = {.name = argv[2], .partitions = 3};
    kurier_setting_change day = {argv[2], "retention.ms", "86400000", KURIER_TOPIC, KURIER_SET};
    kurier_result *made =
        run(client, kurier_admin_create_topics(&topic, 1), KURIER_E_TOPIC_ALREADY_EXISTS);
    kurier_result *kept = made ? run(client, kurier_admin_alter_configs(&day, 1), KURIER_OK) : NULL;
    int status = kept ? print_sizes(client, argv[2]) : 1;
    kurier_result_free(made);
    kurier_result_free(kept);
    kurier_client_free(client);
    return status;
}
