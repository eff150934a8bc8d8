/* SPDX-License-Identifier: Apache-2.0 */
/* produce BROKERS TOPIC: each line of standard input becomes a record. */
#include <kurier/kurier.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    kurier_error err;
    if (argc != 3) {
        fprintf(stderr, "usage: %s BROKERS TOPIC\n", argv[0]);
        return 2;
    }
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    kurier_config_set(config, "compression.type", "lz4");
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!producer) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }

    char line[65536];
    kurier_topic *topic = kurier_producer_topic(producer, argv[2], &err);
    while (topic && fgets(line, sizeof line, stdin)) {
        kurier_record record = {.value = {line, strcspn(line, "\n")}};
        if (kurier_topic_send(topic, &record, &err))
            break;
    }
    if (err.code)
        fprintf(stderr, "%s\n", err.text);

    /* Waits for what is on its way; what could not be delivered is handed out. */
    size_t lost = kurier_producer_close(producer, 30000, NULL);
    kurier_report report;
    while (kurier_producer_poll(producer, &report, 1, 0, NULL)) {
        kurier_report_error(&report, &err);
        fprintf(stderr, "lost: %.*s: %s\n", (int)report.record->value.size,
                (const char *)report.record->value.data, err.text);
    }
    kurier_producer_free(producer);
    return lost || err.code;
}
