/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member with a backlog in a thousand partitions, whose application takes and
 * never gives back, or never takes: its process stays within fetch.memory and 16 MiB.
 * It runs as a child, so that nothing else is counted.
 */
#include "tests/system/group_kit.h"
#include <sys/wait.h>
#include <unistd.h>

enum {
    MANY = 1000,
    EACH = 40,
    VALUE_BYTES = 1000,
    BUDGET = 16 << 20,
    REST = 16 << 20,
    ASKED = 200
};
#define WIDE "wide"

static bool fill_wide(void)
{
    static char value[VALUE_BYTES];
    kurier_error err;
    kurier_config *config = configure(NULL, NULL);
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = producer ? kurier_producer_topic(producer, WIDE, &err) : NULL;
    kurier_config_free(config);
    for (int i = 0; topic && i < MANY * EACH; i++) {
        kurier_record r = {
            .value = {value, sizeof value}, .flags = KURIER_TO_PARTITION, .partition = i % MANY};
        if (kurier_topic_send(topic, &r, &err))
            break;
    }
    bool ok = producer && !kurier_producer_close(producer, 2 * PATIENCE_MS, &err);
    kurier_producer_free(producer);
    if (!ok)
        printf("# fill: %s\n", err.text);
    return ok;
}

/* The most that was ever resident, in KiB. */
static long peak_kib(void)
{
    char line[128];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &kib);
    if (status)
        fclose(status);
    return kib;
}

static kurier_consumer *subscribed(void)
{
    static const char *const words[] = {"fetch.memory", "16777216", "max.partition.fetch.bytes",
                                        "65536", NULL};
    static const char *const topic = WIDE;
    kurier_error err;
    kurier_consumer *c = make("wide", words, NULL);
    if (kurier_consumer_subscribe(c, &topic, 1, &err))
        give_up("subscribe", &err);
    return c;
}

static bool is_within(kurier_consumer *c, size_t got)
{
    long kib = peak_kib();
    printf("# %zu batches taken, %ld KiB at most\n", got, kib);
    return kurier_consumer_assignment(c, NULL, 0) == MANY && kib <= (BUDGET + REST) / 1024;
}

static bool holds_all(kurier_consumer *c)
{
    kurier_batch *batches[64];
    kurier_error err = {0};
    size_t got = 0;
    int64_t until = now_ms() + 2 * PATIENCE_MS;
    while (err.code != KURIER_E_HELD && now_ms() < until)
        got += kurier_consumer_poll(c, batches, 64, PATIENCE_MS, &err);
    return err.code == KURIER_E_HELD && is_within(c, got);
}

/* What is fetched lies there; the member goes on speaking to its broker. */
static bool takes_nothing(kurier_consumer *c)
{
    kurier_error err;
    int64_t until = now_ms() + 2 * PATIENCE_MS;
    bool ok = !kurier_client_ready(kurier_consumer_client(c), 2 * PATIENCE_MS, &err);
    while (ok && peak_kib() < BUDGET / 1024 && now_ms() < until)
        ;
    for (int i = 0; ok && i < ASKED; i++) {
        kurier_position p = kurier_at(WIDE, i, 0);
        ok = !kurier_consumer_committed(c, &p, 1, PATIENCE_MS, &err);
    }
    return ok && peak_kib() >= BUDGET / 1024 && is_within(c, 0);
}

static int child(bool takes)
{
    kurier_consumer *c = subscribed();
    bool ok = takes ? holds_all(c) : takes_nothing(c);
    kurier_consumer_free(c);
    return !ok;
}

static bool child_succeeds(const char *program, const char *takes)
{
    int status = -1;
    pid_t pid = fork();
    if (!pid) {
        execl(program, program, server.bootstrap, takes, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return status == 0;
}

int main(int argc, char **argv)
{
    static const char *const options[] = {"num.partitions=1000", "offsets.topic.num.partitions=1",
                                          "group.initial.rebalance.delay.ms=0",
                                          "log.flush.interval.messages=1000000", NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3) {
        snprintf(server.bootstrap, sizeof server.bootstrap, "%s", argv[1]);
        return child(!strcmp(argv[2], "all"));
    }
    printf("1..4\n");
    if (!access("/dev/shm", W_OK)) /* a thousand files to sync are not what is tested here */
        setenv("TMPDIR", "/dev/shm", 1);
    if (!expect(kit_server_start(&server, options) && fill_wide(),
                "a thousand filled partitions")) {
        printf("Bail out! %s\n", server.words);
        return 1;
    }
    expect(child_succeeds(argv[0], "all"),
           "a member that holds all it may stays within fetch.memory and 16 MiB");
    expect(child_succeeds(argv[0], "none"), "and so does one that takes nothing");
    expect(kit_server_stop(&server), "kurierd ends cleanly");
    return failures != 0;
}
