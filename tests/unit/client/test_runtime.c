/* SPDX-License-Identifier: Apache-2.0 */
/* Runtimes and waits on real threads: lifetime in any order, wakes, signals,
 * forks. Nothing here needs a broker: the address refuses connections. */
#include "tests/unit/unit.h"

#include "kurier/kurier.h"
#include "libclient/drive/call.h"
#include "libclient/drive/client.h"
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG_MS = 30000 };

static kurier_config *config_new(void)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", "127.0.0.1:1");
    kurier_config_set(config, "log.sink", "events");
    return config;
}

static kurier_client *client_new(kurier_runtime *runtime)
{
    kurier_error err;
    kurier_config *config = config_new();
    kurier_client *client = kurier_client_new(runtime, config, &err);
    kurier_config_free(config);
    if (!client)
        print_error("%s\n", err.text);
    assert_non_null(client);
    return client;
}

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* ---- Lifetime ------------------------------------------------------------------------*/

static void lives_and_dies_in_any_order(void **state)
{
    (void)state;
    kurier_mode modes[] = {KURIER_THREADED, KURIER_DRIVEN};
    int before = count_entries("/proc/self/fd");
    for (int round = 0; round < 8; round++) {
        kurier_runtime *runtime = kurier_runtime_new(modes[round & 1], NULL, NULL);
        kurier_client *a = client_new(runtime), *b = client_new(runtime);
        if (round & 2)
            kurier_runtime_free(runtime);
        kurier_client_free(round & 4 ? a : b);
        kurier_client_free(round & 4 ? b : a);
        if (!(round & 2))
            kurier_runtime_free(runtime);
    }
    assert_int_equal(count_entries("/proc/self/fd"), before);
}

static void null_is_one_thread_for_all(void **state)
{
    (void)state;
    int before = count_entries("/proc/self/task");
    kurier_client *clients[8];
    for (int i = 0; i < 8; i++)
        clients[i] = client_new(NULL);
    assert_int_equal(count_entries("/proc/self/task"), before + 1);
    for (int i = 0; i < 8; i++)
        kurier_client_free(clients[i]);
    assert_int_equal(count_entries("/proc/self/task"), before);
    kurier_client_free(client_new(NULL)); /* and it can be made again */
}

static void driven_has_no_thread(void **state)
{
    (void)state;
    int before = count_entries("/proc/self/task");
    kurier_runtime *runtime = kurier_runtime_new(KURIER_DRIVEN, NULL, NULL);
    kurier_client *client = client_new(runtime);
    kurier_error err;
    assert_int_equal(kurier_client_ready(client, 300, &err), KURIER_E_TRANSPORT);
    assert_non_null(strstr(err.text, "127.0.0.1:1"));
    assert_int_equal(count_entries("/proc/self/task"), before);
    kurier_client_free(client);
    kurier_runtime_free(runtime);
}

static void a_first_mistake_sticks(void **state)
{
    kurier_error err;
    (void)state;
    kurier_config *config = config_new();
    assert_int_equal(kurier_config_set(config, "bootstrap.server", "a"), KURIER_E_INVALID_CONFIG);
    assert_int_equal(kurier_config_set(config, "nonsense", "a"), KURIER_E_INVALID_CONFIG);
    assert_int_equal(kurier_config_set(config, "client.id", "a"), KURIER_OK);
    assert_null(kurier_client_new(NULL, config, &err));
    assert_int_equal(err.code, KURIER_E_INVALID_CONFIG);
    assert_non_null(strstr(err.text, "bootstrap.servers"));
    kurier_config_free(config);
    assert_null(kurier_client_new(NULL, NULL, &err)); /* no brokers: said as well */
    assert_non_null(strstr(err.text, "bootstrap.servers"));
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void properties_are_loaded(void **state)
{
    char path[] = "/tmp/kurier-test-XXXXXX", text[64];
    kurier_error err;
    (void)state;
    close(mkstemp(path));
    kurier_config *config = kurier_config_new();
    write_file(path, "# a comment\nbootstrap.servers = a:1,\\\n  b:2\nlinger.ms: 7\n");
    assert_int_equal(kurier_config_load(config, path), KURIER_OK);
    assert_int_equal(kurier_config_get(config, "bootstrap.servers", text, sizeof text), 7);
    assert_string_equal(text, "a:1,b:2");
    kurier_config_get(config, "queue.buffering.max.ms", text, sizeof text);
    assert_string_equal(text, "7");

    write_file(path, "client.id=x\nbatchsize=1\n");
    assert_int_equal(kurier_config_load(config, path), KURIER_E_INVALID_CONFIG);
    assert_null(kurier_client_new(NULL, config, &err));
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "line 2"));
    assert_non_null(strstr(err.text, "batch.size"));
    kurier_config_free(config);
    unlink(path);

    config = kurier_config_new();
    assert_int_equal(kurier_config_load(config, path), KURIER_E_INVALID_CONFIG);
    kurier_config_free(config);
}

static void the_log_goes_where_it_is_told(void **state)
{
    char path[] = "/tmp/kurier-test-XXXXXX", line[512] = "";
    kurier_error err;
    (void)state;
    close(mkstemp(path));
    kurier_config *config = config_new();
    kurier_config_set(config, "log.sink", path);
    kurier_client *client = kurier_client_new(NULL, config, &err);
    assert_int_equal(kurier_client_ready(client, 300, &err), KURIER_E_TRANSPORT);
    kurier_client_free(client);
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    unlink(path);
    assert_non_null(strstr(line, "warn"));
    assert_non_null(strstr(line, "127.0.0.1:1"));
    kurier_config_set(config, "log.sink", "/nonexistent/log");
    assert_null(kurier_client_new(NULL, config, &err));
    assert_int_equal(err.code, KURIER_E_INVALID_CONFIG);
    kurier_config_free(config);
}

static void old_events_are_overwritten(void **state)
{
    (void)state;
    kurier_runtime *runtime = kurier_runtime_new(KURIER_DRIVEN, NULL, NULL);
    kurier_config *config = config_new();
    kurier_config_set(config, "log.events", "2");
    kurier_client *client = kurier_client_new(runtime, config, NULL);
    struct kb_error what;
    kurier_event event;
    for (int i = 0; i < 5; i++) {
        kb_error_set(&what, i, "event %d", i);
        kc_event_put(client, KURIER_EVENT_LOG, 7, "orders", i, &what);
    }
    for (int i = 3; i < 5; i++) {
        assert_true(kurier_client_event(client, &event, 0));
        assert_int_equal(event.partition, i);
        assert_string_equal(event.topic, "orders");
    }
    assert_true(kurier_client_event(client, &event, 0));
    assert_non_null(strstr(event.error.text, "3 events"));
    assert_false(kurier_client_event(client, &event, 0));
    kurier_config_free(config);
    kurier_client_free(client);
    kurier_runtime_free(runtime);
}

/* The fd alone says when to step. */
static void fd_is_enough(void **state)
{
    (void)state;
    kurier_runtime *runtime = kurier_runtime_new(KURIER_DRIVEN, NULL, NULL);
    kurier_client *client = client_new(runtime);
    struct pollfd pfd = {.fd = kurier_runtime_fd(runtime), .events = POLLIN};
    kurier_event event = {.kind = KURIER_EVENT_LOG};
    for (int i = 0; i < 1000 && event.kind != KURIER_EVENT_BROKER_DOWN; i++) {
        assert_int_equal(poll(&pfd, 1, LONG_MS), 1);
        while (kurier_runtime_step(runtime, NULL))
            ;
        kurier_client_event(client, &event, 0);
    }
    assert_int_equal(event.kind, KURIER_EVENT_BROKER_DOWN);
    kurier_client_free(client);
    kurier_runtime_free(runtime);
}

static void client_fd_follows_the_mask(void **state)
{
    (void)state;
    kurier_client *client = client_new(NULL);
    struct pollfd pfd = {.fd = kurier_client_fd(client), .events = POLLIN};
    kurier_event event;
    assert_int_equal(poll(&pfd, 1, LONG_MS), 1); /* that the broker is down */
    assert_true(kurier_client_pending(client) & KURIER_EVENTS);
    while (kurier_client_event(client, &event, 0))
        ;
    assert_int_equal(kurier_client_pending(client), 0);
    assert_int_equal(poll(&pfd, 1, 0), 0);
    kurier_client_free(client);
}

struct failing {
    kurier_runtime *runtime;
    kurier_config *config;
};

static void open_and_free(void *ctx)
{
    struct failing *failing = ctx;
    kurier_error err;
    kurier_client *client = kurier_client_new(failing->runtime, failing->config, &err);
    assert_int_equal(client == NULL, err.code == KURIER_E_NO_MEMORY);
    if (client)
        kurier_runtime_step(failing->runtime, &err);
    kurier_client_free(client);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    struct failing failing = {kurier_runtime_new(KURIER_DRIVEN, NULL, NULL), config_new()};
    assert_true(unit_each_failure(open_and_free, &failing) > 10);
    kurier_config_free(failing.config);
    kurier_runtime_free(failing.runtime);
}

/* ---- Wakes and signals -------------------------------------------------------------------*/

enum { SLEEPERS = 8, ROUNDS = 50 };

struct sleeper {
    pthread_t thread;
    kurier_client *client;
    kurier_code code;
};

static void *sleeper_main(void *ctx)
{
    struct sleeper *sleeper = ctx;
    kurier_error err;
    sleeper->code = kurier_client_ready(sleeper->client, LONG_MS, &err);
    return NULL;
}

static bool all_asleep(kurier_client *client)
{
    unsigned waiters = 0;
    pthread_mutex_lock(&client->lock);
    if (client->ready)
        waiters = client->ready->waiters;
    pthread_mutex_unlock(&client->lock);
    return waiters == SLEEPERS;
}

/* A thread that is counted may still be on its way to sleep: a wake then, or the
 * one that stuck, ends its wait all the same. */
static void a_wake_ends_every_wait(void **state)
{
    (void)state;
    kurier_client *client = client_new(NULL);
    for (int round = 0; round < ROUNDS; round++) {
        struct sleeper sleepers[SLEEPERS];
        for (int i = 0; i < SLEEPERS; i++) {
            sleepers[i] = (struct sleeper){.client = client};
            pthread_create(&sleepers[i].thread, NULL, sleeper_main, &sleepers[i]);
        }
        while (!all_asleep(client))
            sched_yield();
        for (int i = 0; i < SLEEPERS; i++) {
            while (pthread_tryjoin_np(sleepers[i].thread, NULL))
                kurier_client_wake(client);
            assert_int_equal(sleepers[i].code, KURIER_E_INTERRUPTED);
        }
        /* A wake that nobody was there for may have stuck. */
        assert_int_not_equal(kurier_client_ready(client, 1, NULL), KURIER_OK);
    }
    kurier_client_free(client);
}

static kurier_client *signalled;

static void on_signal(int number)
{
    (void)number;
    kurier_client_wake(signalled);
}

static void a_signal_handler_may_wake(void **state)
{
    (void)state;
    kurier_error err;
    struct sigaction action = {.sa_handler = on_signal}, before;
    signalled = client_new(NULL);
    sigaction(SIGUSR1, &action, &before);
    raise(SIGUSR1); /* before the wait: it sticks */
    assert_int_equal(kurier_client_ready(signalled, LONG_MS, &err), KURIER_E_INTERRUPTED);
    struct sleeper sleeper = {.client = signalled};
    pthread_create(&sleeper.thread, NULL, sleeper_main, &sleeper);
    /* One may do; but ThreadSanitizer runs a handler late that comes just before
     * the thread falls asleep. */
    while (pthread_tryjoin_np(sleeper.thread, NULL)) {
        pthread_kill(sleeper.thread, SIGUSR1);
        sched_yield();
    }
    assert_int_equal(sleeper.code, KURIER_E_INTERRUPTED);
    sigaction(SIGUSR1, &before, NULL);
    kurier_client_free(signalled);
}

static void our_thread_takes_no_signal(void **state)
{
    (void)state;
    char path[64], line[128];
    uint64_t blocked = 0;
    kurier_client *client = client_new(NULL);
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        snprintf(path, sizeof path, "/proc/self/task/%.20s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        bool ours = false;
        while (file && fgets(line, sizeof line, file)) {
            ours |= !strcmp(line, "Name:\tkurier\n");
            if (ours && !strncmp(line, "SigBlk:", 7))
                blocked = strtoull(line + 7, NULL, 16);
        }
        if (file)
            fclose(file);
    }
    closedir(dir);
    assert_true(blocked >> (SIGTERM - 1) & blocked >> (SIGPIPE - 1) & 1);
    kurier_client_free(client);
}

/* ---- Fork ----------------------------------------------------------------------------------*/

/* ThreadSanitizer allows no thread in a child. */
#ifdef __SANITIZE_THREAD__
static const kurier_mode child_mode = KURIER_DRIVEN;
#else
static const kurier_mode child_mode = KURIER_THREADED;
#endif

/* In the child; its exit status is the number of the check that failed. */
static int child(kurier_client *inherited)
{
    kurier_error err;
    if (kurier_client_ready(inherited, LONG_MS, &err) != KURIER_E_FORKED)
        return 1;
    if (kurier_admin_run(inherited, kurier_admin_describe_cluster(), LONG_MS, &err) ||
        err.code != KURIER_E_FORKED)
        return 2;
    kurier_client_wake(inherited);
    kurier_client_free(inherited);
    kurier_runtime *runtime = kurier_runtime_new(child_mode, NULL, &err);
    kurier_client *own = client_new(runtime);
    if (kurier_client_ready(own, 200, &err) != KURIER_E_TRANSPORT)
        return 3;
    kurier_client_free(own);
    kurier_runtime_free(runtime);
    return 0;
}

static void a_child_is_told(void **state)
{
    (void)state;
    int status;
    kurier_error err;
    kurier_client *client = client_new(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(client));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(kurier_client_ready(client, 300, &err), KURIER_E_TRANSPORT);
    kurier_client_free(client);
}

/* Answers how many there was room for. */
static size_t fill(kurier_topic *topic)
{
    kurier_error err;
    kurier_record record = {.value = kurier_str("v"), .opaque = 1};
    size_t sent = 0;
    while (!kurier_topic_try_send(topic, &record, &err))
        sent++;
    assert_int_equal(err.code, KURIER_E_QUEUE_FULL);
    return sent;
}

static void leave_reports(int buffer_memory)
{
    kurier_error err;
    char bytes[12];
    snprintf(bytes, sizeof bytes, "%d", buffer_memory);
    kurier_runtime *runtime = kurier_runtime_new(KURIER_DRIVEN, NULL, &err);
    kurier_config *config = config_new();
    kurier_config_set(config, "buffer.memory", bytes);
    kurier_config_set(config, "batch.size", "10000");
    kurier_producer *producer = kurier_producer_new(runtime, config, &err);
    assert_non_null(producer);
    kurier_topic *topic = kurier_producer_topic(producer, "t", &err);
    for (size_t sent; (sent = fill(topic));) {
        assert_int_equal(kurier_producer_purge(producer, true), sent);
        while (kurier_runtime_step(runtime, &err))
            ;
    }
    kurier_producer_free(producer);
    kurier_config_free(config);
    kurier_runtime_free(runtime);
}

/* They hold all the memory that try_send waits for, whatever is left of it. */
static void reports_that_nobody_took_go_with_their_producer(void **state)
{
    enum { LEAST = 100000, MOST = LEAST + 10000, STEP = 100 };
    (void)state;
    for (int bytes = LEAST; bytes < MOST; bytes += STEP)
        leave_reports(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_and_dies_in_any_order),
        cmocka_unit_test(null_is_one_thread_for_all),
        cmocka_unit_test(driven_has_no_thread),
        cmocka_unit_test(a_first_mistake_sticks),
        cmocka_unit_test(properties_are_loaded),
        cmocka_unit_test(the_log_goes_where_it_is_told),
        cmocka_unit_test(old_events_are_overwritten),
        cmocka_unit_test(fd_is_enough),
        cmocka_unit_test(client_fd_follows_the_mask),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(a_wake_ends_every_wait),
        cmocka_unit_test(a_signal_handler_may_wake),
        cmocka_unit_test(our_thread_takes_no_signal),
        cmocka_unit_test(a_child_is_told),
        cmocka_unit_test(reports_that_nobody_took_go_with_their_producer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
