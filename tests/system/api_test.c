/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that <kurier/kurier.h> says hold everywhere, over a real kurierd. */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000 };

static struct kit_server server;
static kurier_error err;
static int cases, failures;
static volatile sig_atomic_t pipe_signals;

static void check(bool ok, const char *what)
{
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++cases, what);
    if (!ok && err.code)
        printf("# %s\n", err.text);
    fflush(stdout);
    failures += !ok;
}

static kurier_config *configure(const char *key, const char *value)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_config_set(config, "log.level", "error");
    if (key)
        kurier_config_set(config, key, value);
    return config;
}

static kurier_producer *producer_new(kurier_runtime *runtime)
{
    kurier_config *config = configure(NULL, NULL);
    kurier_producer *producer = kurier_producer_new(runtime, config, &err);
    kurier_config_free(config);
    return producer;
}

static kurier_consumer *consumer_new(kurier_runtime *runtime, int64_t offset)
{
    kurier_config *config = configure(NULL, NULL);
    kurier_consumer *consumer = kurier_consumer_new(runtime, config, &err);
    kurier_position at = kurier_at("rules", 0, offset);
    kurier_config_free(config);
    if (consumer && kurier_consumer_assign(consumer, &at, 1, &err))
        printf("# %s\n", err.text);
    return consumer;
}

static bool send_one(kurier_producer *producer)
{
    kurier_topic *topic = kurier_producer_topic(producer, "rules", &err);
    kurier_record record = {.value = kurier_str("x")};
    kurier_report report;
    return topic && !kurier_topic_send_wait(topic, &record, &report, PATIENCE_MS, &err);
}

/* ---- Handles ------------------------------------------------------------------- */

static void nulls_are_freed(void)
{
    kurier_config_free(NULL);
    kurier_runtime_free(NULL);
    kurier_client_free(NULL);
    kurier_producer_free(NULL);
    kurier_consumer_free(NULL);
    kurier_request_free(NULL);
    kurier_result_free(NULL);
    kurier_batch_done(NULL);
    kurier_batch_retry(NULL);
    kurier_batch_release(NULL);
    check(true, "NULL may be freed");
}

static void closing(void)
{
    kurier_producer *producer = producer_new(NULL);
    kurier_topic *topic = kurier_producer_topic(producer, "rules", &err);
    kurier_record record = {.value = kurier_str("x"), .opaque = 1};
    bool ok = send_one(producer) && kurier_producer_close(producer, PATIENCE_MS, &err) == 0 &&
              kurier_producer_close(producer, PATIENCE_MS, &err) == 0;
    ok = ok && kurier_topic_send(topic, &record, &err) == KURIER_E_CLOSED &&
         kurier_topic_try_send(topic, &record, &err) == KURIER_E_CLOSED &&
         kurier_topic_send_many(topic, &record, 1, 0, &err) == 0 && err.code == KURIER_E_CLOSED;
    check(ok, "a producer is closed twice, and then refuses records");
    kurier_producer_free(producer);
    kurier_consumer *consumer = consumer_new(NULL, KURIER_BEGINNING);
    kurier_batch *batch;
    ok = !kurier_consumer_close(consumer, 0, &err) && !kurier_consumer_close(consumer, 0, &err) &&
         !kurier_consumer_poll(consumer, &batch, 1, 0, &err) && err.code == KURIER_E_CLOSED;
    check(ok, "a consumer is closed twice, and then refuses to poll");
    kurier_consumer_free(consumer);
    kurier_producer_free(producer_new(NULL));
    kurier_consumer_free(consumer_new(NULL, KURIER_BEGINNING));
    check(true, "both are freed without close");
}

enum { WAITING = 50, CLOSE_MS = 700, SLACK_MS = 5000 };

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Each record that waited for it is handed out, with its fate. */
static bool all_are_handed_out(kurier_producer *producer)
{
    kurier_report report;
    int count = 0;
    bool ok = true;
    while (kurier_producer_poll(producer, &report, 1, 0, &err)) {
        ok = ok && report.code && report.persisted != KURIER_PERSISTED && report.record;
        count++;
    }
    return ok && count == WAITING;
}

static void closing_without_a_broker(bool driven)
{
    kurier_runtime *runtime =
        kurier_runtime_new(driven ? KURIER_DRIVEN : KURIER_THREADED, NULL, &err);
    kurier_producer *producer = producer_new(runtime);
    kurier_topic *topic = kurier_producer_topic(producer, "rules", &err);
    kurier_record record = {.value = kurier_str("x"), .opaque = 1};
    bool ok = send_one(producer);
    kit_server_kill(&server, SIGKILL);
    for (int i = 0; ok && i < WAITING; i++)
        ok = !kurier_topic_send(topic, &record, &err);
    int64_t began_ms = now_ms();
    size_t lost = kurier_producer_close(producer, CLOSE_MS, &err);
    int64_t took_ms = now_ms() - began_ms;
    check(ok && lost == WAITING && took_ms >= CLOSE_MS - 1 && took_ms < SLACK_MS &&
              all_are_handed_out(producer),
          driven ? "and by a runtime that the application drives"
                 : "a producer whose broker is gone is closed in time, its records handed out");
    kurier_producer_free(producer);
    kurier_runtime_free(runtime);
    check(kit_server_restart(&server), "the broker comes back");
}

static void ends_by_offset(void)
{
    kurier_consumer *consumer = consumer_new(NULL, KURIER_BEGINNING);
    kurier_position at[2] = {kurier_at("rules", 0, KURIER_BEGINNING),
                             kurier_at("rules", 0, KURIER_END)};
    bool first = !kurier_consumer_offsets_for_times(consumer, &at[0], 1, PATIENCE_MS, &err);
    bool last = !kurier_consumer_offsets_for_times(consumer, &at[1], 1, PATIENCE_MS, &err);
    check(first && last && at[0].offset == 0 && at[1].offset > 0,
          "offsets_for_times answers for the ends that .offset names");
    kurier_consumer_free(consumer);
}

/* ---- Waiting --------------------------------------------------------------------- */

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    return poll(&pfd, 1, timeout_ms) == 1;
}

static void one_descriptor_to_watch(void)
{
    kurier_producer *producer = producer_new(NULL);
    kurier_client *client = kurier_producer_client(producer);
    kurier_topic *topic = kurier_producer_topic(producer, "rules", &err);
    kurier_record record = {.value = kurier_str("x"), .opaque = 9};
    kurier_report report = {0};
    kurier_event event;
    bool ok = !kurier_topic_send(topic, &record, &err);
    while (ok && !(kurier_client_pending(client) & KURIER_REPORTS)) {
        ok = is_readable(kurier_client_fd(client), PATIENCE_MS);
        while (kurier_client_event(client, &event, 0))
            ;
    }
    ok = ok && kurier_producer_poll(producer, &report, 1, 0, &err) == 1 && report.opaque == 9;
    ok = ok && !kurier_producer_poll(producer, &report, 1, 0, &err);
    check(ok && !(kurier_client_pending(client) & KURIER_REPORTS),
          "a producer's descriptor tells of its reports, until they are taken");
    kurier_producer_free(producer);

    kurier_consumer *consumer = consumer_new(NULL, KURIER_BEGINNING);
    kurier_batch *batch;
    size_t taken = 0;
    client = kurier_consumer_client(consumer);
    for (ok = true; ok && !taken;) {
        ok = is_readable(kurier_client_fd(client), PATIENCE_MS);
        while (kurier_client_event(client, &event, 0))
            ;
        if (kurier_client_pending(client) & KURIER_BATCHES)
            taken = kurier_consumer_poll(consumer, &batch, 1, 0, &err);
    }
    check(ok, "a consumer's tells of its batches");
    if (taken)
        kurier_batch_done(batch);
    kurier_consumer_free(consumer);
}

static void *poll_without_end(void *ctx)
{
    kurier_batch *batch;
    kurier_error ended;
    do { /* until it is let in */
        kurier_consumer_poll(ctx, &batch, 1, KURIER_FOREVER, &ended);
    } while (ended.code == KURIER_E_BUSY);
    return (void *)(intptr_t)ended.code;
}

/* The other thread may not be inside yet: then we are let in, until it is. */
static void one_thread_at_a_time(void)
{
    kurier_consumer *consumer = consumer_new(NULL, KURIER_END);
    kurier_position at = kurier_at("rules", 0, KURIER_END);
    pthread_t thread;
    void *ended;
    pthread_create(&thread, NULL, poll_without_end, consumer);
    while (!kurier_consumer_pause(consumer, &at, 1, &err))
        sched_yield();
    bool ok = err.code == KURIER_E_BUSY &&
              kurier_consumer_offsets_for_times(consumer, &at, 1, 0, &err) == KURIER_E_BUSY;
    check(ok, "a second thread in a consumer is told that it is busy");
    kurier_consumer_close(consumer, 0, NULL);
    pthread_join(thread, &ended);
    check((intptr_t)ended == KURIER_E_CLOSED || (intptr_t)ended == KURIER_E_INTERRUPTED,
          "close by another thread ends a wait");
    kurier_consumer_free(consumer);
}

/* ---- Processes -------------------------------------------------------------------- */

struct handles {
    kurier_runtime *runtime;
    kurier_producer *producer;
    kurier_topic *topic;
    kurier_consumer *consumer;
    kurier_batch *batch;
};

/* Answers the line of the first call that did not say so. */
#define TOLD(call)                                                                                 \
    do {                                                                                           \
        err.code = KURIER_OK;                                                                      \
        if ((call) != KURIER_E_FORKED)                                                             \
            return __LINE__;                                                                       \
    } while (0)

static int producer_in_child(struct handles *h)
{
    kurier_record record = {.value = kurier_str("x")};
    kurier_report report;
    TOLD((kurier_producer_topic(h->producer, "other", &err), err.code));
    TOLD(kurier_topic_send(h->topic, &record, &err));
    TOLD(kurier_topic_try_send(h->topic, &record, &err));
    TOLD(((void)!kurier_topic_send_many(h->topic, &record, 1, 0, &err), err.code));
    TOLD(kurier_topic_send_wait(h->topic, &record, &report, PATIENCE_MS, &err));
    TOLD((kurier_producer_poll(h->producer, &report, 1, PATIENCE_MS, &err), err.code));
    TOLD(kurier_producer_flush(h->producer, PATIENCE_MS, &err));
    TOLD((kurier_producer_close(h->producer, PATIENCE_MS, &err), err.code));
    return kurier_producer_purge(h->producer, true) + kurier_producer_outstanding(h->producer) ? 1
                                                                                               : 0;
}

static int consumer_in_child(struct handles *h)
{
    kurier_position at = kurier_at("rules", 0, 0);
    kurier_record record;
    kurier_batch *batch;
    TOLD(kurier_consumer_assign(h->consumer, &at, 1, &err));
    TOLD(kurier_consumer_seek(h->consumer, &at, 1, &err));
    TOLD(kurier_consumer_pause(h->consumer, &at, 1, &err));
    TOLD(kurier_consumer_resume(h->consumer, &at, 1, &err));
    TOLD(kurier_consumer_offsets_for_times(h->consumer, &at, 1, PATIENCE_MS, &err));
    TOLD((kurier_consumer_poll(h->consumer, &batch, 1, PATIENCE_MS, &err), err.code));
    TOLD((kurier_consumer_next(h->consumer, &record, PATIENCE_MS, &err), err.code));
    TOLD(kurier_consumer_close(h->consumer, PATIENCE_MS, &err));
    kurier_consumer_finish(h->consumer);
    kurier_batch_retry(h->batch);
    return kurier_consumer_assignment(h->consumer, &at, 1) ? 1 : 0;
}

static int client_in_child(struct handles *h)
{
    kurier_client *client = kurier_producer_client(h->producer);
    kurier_event event;
    TOLD(kurier_client_ready(client, PATIENCE_MS, &err));
    TOLD((kurier_admin_run(client, kurier_admin_describe_cluster(), PATIENCE_MS, &err), err.code));
    TOLD(kurier_admin_submit(client, kurier_admin_describe_cluster(), PATIENCE_MS, 1, &err));
    TOLD((kurier_client_result(client, PATIENCE_MS, &err), err.code));
    TOLD((kurier_runtime_step(h->runtime, &err), err.code));
    TOLD((producer_new(h->runtime), err.code));
    kurier_client_wake(client);
    return kurier_client_event(client, &event, PATIENCE_MS) || kurier_client_pending(client) ||
           kurier_client_fd(client) >= 0;
}

static int child(struct handles *h)
{
    int line = producer_in_child(h);
    if (!line)
        line = consumer_in_child(h);
    if (!line)
        line = client_in_child(h);
    kurier_producer_free(h->producer);
    kurier_consumer_free(h->consumer);
    kurier_runtime_free(h->runtime);
    return line;
}

static void every_call_knows_a_child(bool driven)
{
    struct handles h = {
        .runtime = kurier_runtime_new(driven ? KURIER_DRIVEN : KURIER_THREADED, NULL, &err)};
    h.producer = producer_new(h.runtime);
    h.topic = kurier_producer_topic(h.producer, "rules", &err);
    h.consumer = consumer_new(h.runtime, KURIER_BEGINNING);
    bool ok = send_one(h.producer) &&
              kurier_consumer_poll(h.consumer, &h.batch, 1, PATIENCE_MS, &err) == 1;
    int to[2], line = 0, status = -1;
    if (!ok || pipe(to)) {
        check(false, "a producer and a consumer before a fork");
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        alarm(PATIENCE_MS / 1000);
        line = child(&h);
        _exit(write(to[1], &line, sizeof line) != sizeof line);
    }
    waitpid(pid, &status, 0);
    if (status || read(to[0], &line, sizeof line) != sizeof line || line)
        printf("# status %d, line %d\n", status, line);
    check(status == 0 && line == 0 && send_one(h.producer),
          driven ? "each call says so in a child, driven as well; the parent goes on"
                 : "each call says so in the child of a fork; the parent goes on");
    close(to[0]);
    close(to[1]);
    kurier_batch_done(h.batch);
    kurier_producer_free(h.producer);
    kurier_consumer_free(h.consumer);
    kurier_runtime_free(h.runtime);
}

/* So many descriptors would a child of exec get. */
static int inherited(int *all)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    *all = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        int flags = fcntl(atoi(entry->d_name), F_GETFD);
        *all += flags >= 0;
        count += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    if (dir)
        closedir(dir);
    return count;
}

static void nothing_is_inherited(void)
{
    int all_before, all, before = inherited(&all_before);
    kurier_producer *producer = producer_new(NULL);
    kurier_consumer *consumer = consumer_new(NULL, KURIER_BEGINNING);
    kurier_runtime *driven = kurier_runtime_new(KURIER_DRIVEN, NULL, &err);
    kurier_producer *second = producer_new(driven);
    bool ok = send_one(producer) && send_one(second) &&
              kurier_client_fd(kurier_producer_client(second)) >= 0;
    check(ok && inherited(&all) == before && all > all_before + 4,
          "every descriptor is close-on-exec");
    kurier_producer_free(producer);
    kurier_producer_free(second);
    kurier_consumer_free(consumer);
    kurier_runtime_free(driven);
}

/* ---- SIGPIPE ------------------------------------------------------------------------ */

static void on_pipe(int number)
{
    (void)number;
    pipe_signals++;
}

/* The broker dies again and again while records are on their way. */
static void a_broken_pipe_is_no_signal(bool driven)
{
    enum { KILLS = 5, MANY = 2000 };
    static char value[1000];
    kurier_runtime *runtime = driven ? kurier_runtime_new(KURIER_DRIVEN, NULL, &err) : NULL;
    kurier_producer *producer = producer_new(runtime);
    kurier_topic *topic = kurier_producer_topic(producer, "rules", &err);
    kurier_record record = {.value = {value, sizeof value}};
    bool ok = send_one(producer);
    for (int kill = 0; ok && kill < KILLS; kill++) {
        for (int i = 0; ok && i < MANY; i++)
            ok = !kurier_topic_send(topic, &record, &err);
        kit_server_kill(&server, SIGKILL);
        for (int i = 0; ok && i < MANY; i++)
            ok = !kurier_topic_send(topic, &record, &err);
        ok = ok && kit_server_restart(&server) &&
             !kurier_producer_flush(producer, PATIENCE_MS, &err);
    }
    check(ok && pipe_signals == 0,
          driven ? "nor in a thread of the application that drives the runtime"
                 : "a broker that dies while records are on their way: no SIGPIPE");
    kurier_producer_free(producer);
    kurier_runtime_free(runtime);
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_pipe};
    sigaction(SIGPIPE, &action, NULL);
    if (!kit_server_start(&server, NULL))
        return printf("Bail out! %s\n", server.words), 1;
    nulls_are_freed();
    closing();
    closing_without_a_broker(false);
    closing_without_a_broker(true);
    ends_by_offset();
    one_descriptor_to_watch();
    one_thread_at_a_time();
    every_call_knows_a_child(false);
    every_call_knows_a_child(true);
    nothing_is_inherited();
    a_broken_pipe_is_no_signal(false);
    a_broken_pipe_is_no_signal(true);
    check(kit_server_stop(&server), "kurierd ends cleanly");
    printf("1..%d\n", cases);
    return failures != 0;
}
