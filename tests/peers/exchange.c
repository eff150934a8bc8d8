/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange produce|verify BROKERS TOPIC [KEY=VALUE]...
 *
 * libkurier's side of an exchange with a foreign client. Both sides know the
 * records by a rule (exchange.py has it for Python); the topic has one
 * partition. Record i of COUNT small ones and LARGE large ones:
 *
 *   key        null, empty or "key-i"            by i % 10
 *   value      null, empty or "value-i-xxx..."   by i % 17, i % 150 times x
 *   headers    number=i, empty=, null (null)     where i % 5 == 0
 *   timestamp  BASE_MS + i
 */
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 100000, LARGE = 3, LARGE_BYTES = 1000000, PATIENCE_MS = 120000 };
static const int64_t BASE_MS = 1700000000000;

struct sample {
    kurier_record record;
    kurier_header headers[3];
    char key[32], number[16];
    char *value; /* LARGE_BYTES */
};

static void large_value(struct sample *s, int i)
{
    for (int at = 0; at < LARGE_BYTES; at++)
        s->value[at] = (char)((at * 31 + i) % 251);
    s->record.value = kurier_bytes_of(s->value, LARGE_BYTES);
}

static void small_value(struct sample *s, int i)
{
    if (i % 17 == 0)
        return;
    int n = i % 17 == 1 ? 0 : sprintf(s->value, "value-%d-", i);
    int pad = i % 17 == 1 ? 0 : i % 150;
    memset(s->value + n, 'x', (size_t)pad);
    s->record.value = kurier_bytes_of(s->value, (size_t)(n + pad));
}

/* What record i is. */
static void sample_make(struct sample *s, int i)
{
    s->record = (kurier_record){.timestamp_ms = BASE_MS + i};
    if (i % 10)
        s->record.key =
            kurier_bytes_of(s->key, i % 10 == 1 ? 0 : (size_t)sprintf(s->key, "key-%d", i));
    if (i < COUNT)
        small_value(s, i);
    else
        large_value(s, i);
    if (i % 5 == 0) {
        sprintf(s->number, "%d", i);
        s->headers[0] = (kurier_header){"number", kurier_str(s->number)};
        s->headers[1] = (kurier_header){"empty", kurier_str("")};
        s->headers[2] = (kurier_header){"null", {NULL, 0}};
        s->record.headers = s->headers;
        s->record.header_count = 3;
    }
}

static bool equal(kurier_bytes a, kurier_bytes b)
{
    if (!a.data || !b.data)
        return !a.data && !b.data;
    return a.size == b.size && !memcmp(a.data, b.data, a.size);
}

static bool same_headers(const kurier_record *got, const kurier_record *want)
{
    kurier_bytes name, value;
    size_t at = 0;
    for (uint32_t i = 0; i < want->header_count; i++)
        if (!kurier_record_header(got, &at, &name, &value) ||
            !equal(name, kurier_str(want->headers[i].name)) ||
            !equal(value, want->headers[i].value))
            return false;
    return !kurier_record_header(got, &at, &name, &value);
}

static const char *difference(const kurier_record *got, const kurier_record *want)
{
    if (!equal(got->key, want->key))
        return "key";
    if (!equal(got->value, want->value))
        return "value";
    if (got->timestamp_ms != want->timestamp_ms)
        return "timestamp";
    return same_headers(got, want) ? NULL : "headers";
}

static int complain(const char *what, const kurier_error *err)
{
    fprintf(stderr, "exchange: %s: %s\n", what, err->text);
    return 1;
}

static int produce(const kurier_config *config, const char *topic_name, struct sample *s)
{
    kurier_error err;
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, topic_name, &err) : NULL;
    int failed = topic ? 0 : complain("producer", &err);
    for (int i = 0; !failed && i < COUNT + LARGE; i++) {
        sample_make(s, i);
        if (kurier_topic_send(topic, &s->record, &err))
            failed = complain("send", &err);
    }
    size_t lost = producer ? kurier_producer_close(producer, PATIENCE_MS, &err) : 0;
    if (lost)
        failed = complain("close", &err);
    kurier_report report;
    if (lost && kurier_producer_poll(producer, &report, 1, 0, NULL)) {
        kurier_report_error(&report, &err);
        complain("the first that was not delivered", &err);
    }
    kurier_producer_free(producer);
    return failed;
}

static int verify(const kurier_config *config, const char *topic, struct sample *s)
{
    kurier_error err;
    kurier_record record;
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_position from = kurier_at(topic, 0, KURIER_BEGINNING);
    if (!consumer || kurier_consumer_assign(consumer, &from, 1, &err)) {
        kurier_consumer_free(consumer);
        return complain("consumer", &err);
    }
    int i = 0;
    const char *wrong = NULL;
    while (i < COUNT + LARGE && !wrong &&
           kurier_consumer_next(consumer, &record, PATIENCE_MS, &err)) {
        sample_make(s, i);
        wrong = difference(&record, &s->record);
        i += !wrong;
    }
    if (wrong)
        fprintf(stderr, "exchange: record %d has another %s\n", i, wrong);
    else if (i < COUNT + LARGE)
        complain("next", &err);
    else if (kurier_consumer_next(consumer, &record, 0, &err))
        fprintf(stderr, "exchange: there is more than was sent\n"), wrong = "end";
    kurier_consumer_close(consumer, 5000, NULL);
    kurier_consumer_free(consumer);
    return wrong || i < COUNT + LARGE;
}

int main(int argc, char **argv)
{
    struct sample sample = {.value = malloc(LARGE_BYTES)};
    kurier_config *config = kurier_config_new();
    if (argc < 4 || !sample.value || !config) {
        fprintf(stderr, "usage: exchange produce|verify BROKERS TOPIC [KEY=VALUE]...\n");
        return 2;
    }
    kurier_config_set(config, "bootstrap.servers", argv[2]);
    for (int i = 4; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals) {
            *equals = 0;
            kurier_config_set(config, argv[i], equals + 1);
        }
    }
    int status = (!strcmp(argv[1], "produce") ? produce : verify)(config, argv[3], &sample);
    kurier_config_free(config);
    free(sample.value);
    return status;
}
