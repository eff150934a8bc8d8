/* SPDX-License-Identifier: Apache-2.0 */
/* libkurier in transactions; transactors.py tells what such a program does. */
#include <kurier/kurier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 60000, LINE = 256, MOST = 64 };

_Noreturn static void die(const char *what, const kurier_error *err)
{
    fprintf(stderr, "kurier_txn: %s: %s\n", what, err->text);
    exit(1);
}

static kurier_config *configure(const char *address)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", address);
    return config;
}

static kurier_consumer *consumer_of(kurier_config *config)
{
    kurier_error err;
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!consumer)
        die("consumer", &err);
    return consumer;
}

/* ---- write ADDRESS TOPIC NAME INPUT ---- */

struct writer {
    kurier_producer *producer;
    kurier_topic *topic;
    kurier_consumer *group; /* no member: what is read is not what this is about */
    const char *name, *input;
};

static kurier_code send_one(struct writer *w, const char *partition, const char *value,
                            kurier_error *err)
{
    kurier_record record = {.key = {w->name, strlen(w->name)},
                            .value = {value, strlen(value)},
                            .flags = KURIER_TO_PARTITION,
                            .partition = atoi(partition)};
    return kurier_topic_send(w->topic, &record, err);
}

static kurier_code take_step(struct writer *w, char *line, kurier_error *err)
{
    char *word = strtok(line, " \n"), *number = strtok(NULL, " \n"), *value = strtok(NULL, "\n");
    if (!strcmp(word, "begin"))
        return kurier_txn_begin(w->producer, WAIT_MS, err);
    if (!strcmp(word, "send"))
        return send_one(w, number, value, err);
    if (!strcmp(word, "flush"))
        return kurier_producer_flush(w->producer, WAIT_MS, err);
    if (!strcmp(word, "commit"))
        return kurier_txn_commit(w->producer, WAIT_MS, err);
    if (!strcmp(word, "abort"))
        return kurier_txn_abort(w->producer, WAIT_MS, err);
    kurier_position position = kurier_at(w->input, 0, atoll(number));
    return kurier_txn_send_offsets(w->producer, w->group, &position, 1, WAIT_MS, err);
}

static void open_writer(struct writer *w, char **argv)
{
    kurier_error err;
    kurier_config *config = configure(argv[2]);
    kurier_config_set(config, "group.id", w->name);
    kurier_config_set(config, "enable.auto.commit", "false");
    w->group = consumer_of(config);
    config = configure(argv[2]);
    kurier_config_set(config, "transactional.id", w->name);
    kurier_config_set(config, "linger.ms", "0");
    w->producer = kurier_producer_new(NULL, config, &err);
    kurier_config_free(config);
    w->topic = w->producer ? kurier_producer_topic(w->producer, argv[3], &err) : NULL;
    if (!w->topic || kurier_txn_init(w->producer, WAIT_MS, &err))
        die("init", &err);
}

static int write_as_told(char **argv)
{
    struct writer w = {.name = argv[4], .input = argv[5]};
    kurier_error err;
    char line[LINE];
    open_writer(&w, argv);
    puts("ok");
    while (fgets(line, sizeof line, stdin)) {
        if (take_step(&w, line, &err))
            die(line, &err);
        puts("ok");
    }
    kurier_producer_free(w.producer);
    kurier_consumer_free(w.group);
    return 0;
}

/* ---- read ADDRESS TOPIC PARTITIONS ISOLATION ---- */

static int read_all(char **argv)
{
    kurier_position all[MOST];
    kurier_record record;
    kurier_error err;
    int left = atoi(argv[4]);
    kurier_config *config = configure(argv[2]);
    kurier_config_set(config, "isolation.level", argv[5]);
    kurier_config_set(config, "fetch.max.wait.ms", "100");
    kurier_consumer *consumer = consumer_of(config);
    for (int p = 0; p < left && p < MOST; p++)
        all[p] = kurier_at(argv[3], p, KURIER_BEGINNING);
    if (kurier_consumer_assign(consumer, all, (size_t)left, &err))
        die("assign", &err);
    while (left) {
        if (!kurier_consumer_next(consumer, &record, WAIT_MS, &err))
            die("next", &err);
        left -= record.value.size == 3 && !memcmp(record.value.data, "end", 3);
        printf("%d %lld %.*s\n", record.partition, (long long)record.offset, (int)record.value.size,
               (const char *)record.value.data);
    }
    kurier_consumer_free(consumer);
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 6 && !strcmp(argv[1], "write"))
        return write_as_told(argv);
    if (argc == 6 && !strcmp(argv[1], "read") && atoi(argv[4]) <= MOST)
        return read_all(argv);
    fprintf(stderr, "usage: kurier_txn write ADDRESS TOPIC NAME INPUT\n"
                    "       kurier_txn read ADDRESS TOPIC PARTITIONS ISOLATION\n");
    return 2;
}
