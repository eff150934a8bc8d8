/* SPDX-License-Identifier: Apache-2.0 */
/* What a producer promises, over the public header and a real kurierd. */
#include "tests/system/case_kit.h"
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PARTITIONS = 4, PATIENCE_MS = 30000, REPORTS = 500 };

/* ---- What every case begins with -------------------------------------------------- */

static struct line line_open(const char *topic, const char *const *settings, bool driven)
{
    struct line l = {0};
    kurier_config *config = configure(settings);
    if (driven)
        l.runtime = kurier_runtime_new(KURIER_DRIVEN, config, &err);
    l.producer = kurier_producer_new(l.runtime, config, &err);
    l.topic = l.producer ? kurier_producer_topic(l.producer, topic, &err) : NULL;
    kurier_config_free(config);
    return l;
}

static void line_close(struct line *l)
{
    kurier_producer_close(l->producer, PATIENCE_MS, NULL);
    kurier_producer_free(l->producer);
    kurier_runtime_free(l->runtime);
}

/* Reads a topic from the beginning until `count` records came, then looks for more. */
typedef void seen_fn(void *ctx, const kurier_record *record);
static size_t read_back(const char *topic, int32_t partitions, size_t count, seen_fn *seen,
                        void *ctx)
{
    const char *const settings[] = {"enable.partition.eof", "true", NULL};
    kurier_config *config = configure(settings);
    kurier_consumer *consumer = kurier_consumer_new(NULL, config, &err);
    kurier_position from[16];
    kurier_batch *batch;
    kurier_record record;
    size_t got = 0;
    int32_t open = partitions;
    kurier_config_free(config);
    for (int32_t i = 0; i < partitions; i++)
        from[i] = kurier_at(topic, i, KURIER_BEGINNING);
    if (kurier_consumer_assign(consumer, from, (size_t)partitions, &err))
        open = 0;
    while ((open > 0 || got < count) &&
           kurier_consumer_poll(consumer, &batch, 1, PATIENCE_MS, &err)) {
        open -= kurier_batch_view(batch)->records == 0;
        for (; kurier_batch_next(batch, &record); got++)
            if (seen)
                seen(ctx, &record);
        kurier_batch_done(batch);
    }
    kurier_consumer_free(consumer);
    return got;
}

/* Takes reports until n came; answers how many were of that code. */
static size_t take_reports(struct line *l, size_t n, kurier_code code)
{
    kurier_report reports[REPORTS];
    size_t got = 0, right = 0;
    while (got < n) {
        size_t k = kurier_producer_poll(l->producer, reports, REPORTS, PATIENCE_MS, &err);
        if (k == 0)
            break;
        for (size_t i = 0; i < k; i++)
            right += reports[i].code == code;
        got += k;
    }
    return right;
}

/* ---- Records ---------------------------------------------------------------------------- */

static void check_record(void *ctx, const kurier_record *r)
{
    size_t at = 0;
    kurier_bytes name, value;
    bool *right = ctx;
    *right = r->partition == 2 && r->timestamp_ms == 1234567890123 && r->key.size == 3 &&
             !memcmp(r->key.data, "key", 3) && !r->value.data &&
             kurier_record_header(r, &at, &name, &value) && name.size == 5 &&
             !memcmp(name.data, "trace", 5) && value.size == 2 &&
             kurier_record_header(r, &at, &name, &value) && name.size == 5 && !value.data &&
             !kurier_record_header(r, &at, &name, &value);
}

static void test_record(void)
{
    struct line l = line_open("record", NULL, false);
    kurier_header headers[] = {{"trace", kurier_str("ab")}, {"empty", {NULL, 0}}};
    kurier_record record = {.key = kurier_str("key"),
                            .headers = headers,
                            .header_count = 2,
                            .flags = KURIER_TO_PARTITION,
                            .partition = 2,
                            .timestamp_ms = 1234567890123,
                            .opaque = 7};
    kurier_report report = {0};
    bool right = false;
    kurier_code code = kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err);
    check(code == KURIER_OK && report.opaque == 7 && report.partition == 2 && report.offset == 0 &&
              report.persisted == KURIER_PERSISTED && report.topic == l.topic,
          "send_wait answers where the record is");
    check(kurier_topic_partitions(l.topic) == PARTITIONS &&
              !strcmp(kurier_topic_name(l.topic), "record") &&
              kurier_producer_topic(l.producer, "record", &err) == l.topic,
          "a topic handle is interned, and knows its partitions");
    line_close(&l);
    check(read_back("record", PARTITIONS, 1, check_record, &right) == 1 && right,
          "key, null value, headers, timestamp and partition arrive as they were sent");
}

static void test_refused(void)
{
    static char huge[2 << 20];
    struct line l = line_open("refused", NULL, false);
    kurier_record large = {.value = {huge, sizeof huge}};
    kurier_record nowhere = {.flags = KURIER_TO_PARTITION, .partition = 99};
    kurier_header unnamed = {NULL, {NULL, 0}};
    kurier_record bad = {.headers = &unnamed, .header_count = 1};
    kurier_report report;
    check(kurier_topic_send(l.topic, &large, &err) == KURIER_E_MESSAGE_TOO_LARGE,
          "a record above max.request.size is refused");
    check(kurier_topic_send(l.topic, &bad, &err) == KURIER_E_INVALID_ARGUMENT,
          "a header without a name is refused");
    kurier_code code = kurier_topic_send_wait(l.topic, &nowhere, &report, PATIENCE_MS, &err);
    check(code == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION && report.persisted == KURIER_NOT_PERSISTED,
          "a partition that is not there is reported");
    kurier_record somewhere = {.value = kurier_str("x")};
    if (kurier_topic_send_wait(l.topic, &somewhere, &report, PATIENCE_MS, &err))
        printf("# %s\n", err.text);
    check(kurier_topic_send(l.topic, &nowhere, &err) == KURIER_E_UNKNOWN_TOPIC_OR_PARTITION,
          "and refused once the partitions are known");
    kurier_producer_close(l.producer, 0, NULL);
    check(kurier_topic_send(l.topic, &nowhere, &err) == KURIER_E_CLOSED, "closed is closed");
    line_close(&l);
    const char *const both[] = {"acks", "1", "enable.idempotence", "true", NULL};
    kurier_config *config = configure(both);
    check(!kurier_producer_new(NULL, config, &err) && err.code == KURIER_E_INVALID_CONFIG,
          "acks=1 and idempotence, both by hand, contradict");
    kurier_config_free(config);
}

/* ---- Many threads ------------------------------------------------------------------------ */

enum { THREADS = 4, EACH = 5000 };

struct numbered {
    uint32_t thread, number;
};

static void *send_many(void *ctx)
{
    struct numbered n = {.thread = 0};
    struct {
        kurier_topic *topic;
        uint32_t thread;
    } *mine = ctx;
    kurier_error why;
    n.thread = mine->thread;
    for (n.number = 0; n.number < EACH; n.number++) {
        uint32_t key = n.number % 7;
        kurier_record record = {.key = {&key, sizeof key}, .value = {&n, sizeof n}, .opaque = 1};
        if (kurier_topic_send(mine->topic, &record, &why))
            return "failed";
    }
    return NULL;
}

struct order {
    int64_t last[THREADS][7];
    bool right;
};

static void check_order(void *ctx, const kurier_record *r)
{
    struct order *order = ctx;
    struct numbered n;
    memcpy(&n, r->value.data, sizeof n);
    int64_t *last = &order->last[n.thread][n.number % 7];
    order->right &= (int64_t)n.number > *last;
    *last = n.number;
}

static void test_threads(const char *topic, const char *const *settings, const char *what)
{
    struct line l = line_open(topic, settings, false);
    struct {
        kurier_topic *topic;
        uint32_t thread;
    } each[THREADS];
    pthread_t threads[THREADS];
    void *failed = NULL, *result;
    for (uint32_t i = 0; i < THREADS; i++) {
        each[i].topic = l.topic;
        each[i].thread = i;
        pthread_create(&threads[i], NULL, send_many, &each[i]);
    }
    size_t delivered = take_reports(&l, THREADS * EACH, KURIER_OK);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &result);
        failed = failed ? failed : result;
    }
    bool flushed = kurier_producer_flush(l.producer, PATIENCE_MS, &err) == KURIER_OK;
    bool none_left = kurier_producer_outstanding(l.producer) == 0;
    line_close(&l);
    struct order order = {.right = true};
    memset(order.last, -1, sizeof order.last);
    size_t got = read_back(topic, PARTITIONS, THREADS * EACH, check_order, &order);
    check(!failed && delivered == THREADS * EACH && flushed && none_left && got == THREADS * EACH &&
              order.right,
          what);
}

/* ---- Memory -------------------------------------------------------------------------------- */

/* Driven, never waiting: refused when memory is used up, told when there is room. */
static void test_try_send(void)
{
    enum { COUNT = 3000 };
    static char value[1000];
    const char *const settings[] = {"buffer.memory", "200000", "batch.size", "20000", NULL};
    struct line l = line_open("tried", settings, true);
    kurier_client *client = kurier_producer_client(l.producer);
    struct pollfd fd = {.fd = kurier_runtime_fd(l.runtime), .events = POLLIN};
    int refused = 0, told = 0, sent = 0, delivered = 0;
    int64_t deadline = now_ms() + PATIENCE_MS;
    bool may = true;
    while (delivered < COUNT && now_ms() < deadline) {
        kurier_record record = {.value = {value, sizeof value}, .opaque = 1};
        while (may && sent < COUNT) {
            kurier_code code = kurier_topic_try_send(l.topic, &record, &err);
            may = code == KURIER_OK;
            sent += may;
            refused += code == KURIER_E_QUEUE_FULL;
        }
        if (poll(&fd, 1, 1000) < 0)
            break;
        while (kurier_runtime_step(l.runtime, &err))
            ;
        uint32_t pending = kurier_client_pending(client);
        if (!may && (pending & KURIER_ROOM)) {
            told++;
            may = true;
        }
        kurier_report reports[REPORTS];
        if (pending & KURIER_REPORTS)
            delivered += (int)kurier_producer_poll(l.producer, reports, REPORTS, 0, &err);
    }
    check(delivered == COUNT && refused > 0 && told > 0,
          "try_send: QUEUE_FULL, then ROOM, until all is delivered by one's own loop");
    line_close(&l);
}

static void test_memory_waits(void)
{
    enum { COUNT = 5000 };
    static char value[1000];
    const char *const settings[] = {"buffer.memory", "200000", "linger.ms", "1000", NULL};
    struct line l = line_open("waited", settings, false);
    int sent = 0;
    for (; sent < COUNT; sent++) {
        kurier_record record = {.value = {value, sizeof value}};
        if (kurier_topic_send(l.topic, &record, &err))
            break;
    }
    bool flushed = kurier_producer_flush(l.producer, PATIENCE_MS, &err) == KURIER_OK;
    line_close(&l);
    check(sent == COUNT && flushed && read_back("waited", PARTITIONS, COUNT, NULL, NULL) == COUNT,
          "send waits for memory; who waits does not wait for linger.ms");
}

/* ---- Nobody there --------------------------------------------------------------------------- */

static void test_close_hands_out(void)
{
    enum { COUNT = 100 };
    struct line l = line_open("stopped", NULL, false);
    kurier_record record = {.value = kurier_str("kept")};
    kurier_report report;
    if (kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err))
        printf("# %s\n", err.text);
    siginfo_t stopped;
    kill(server.pid, SIGSTOP);
    waitid(P_PID, (id_t)server.pid, &stopped, WSTOPPED | WNOWAIT);
    for (int i = 0; i < COUNT; i++)
        if (kurier_topic_send(l.topic, &record, &err))
            break;
    bool timed_out = kurier_producer_flush(l.producer, 100, &err) == KURIER_E_TIMED_OUT;
    int64_t from = now_ms();
    size_t lost = kurier_producer_close(l.producer, 300, &err);
    int64_t took = now_ms() - from;
    printf("# %zu undelivered, closed in %lld ms\n", lost, (long long)took);
    check(timed_out && lost == COUNT && err.code == KURIER_E_UNDELIVERED && took < 3000,
          "flush ends by its timeout, close returns in time and counts what is not delivered");
    size_t handed = 0;
    kurier_report reports[REPORTS];
    size_t n;
    while ((n = kurier_producer_poll(l.producer, reports, REPORTS, 0, &err)))
        for (size_t i = 0; i < n; i++)
            handed += reports[i].code == KURIER_E_PURGED &&
                      reports[i].persisted != KURIER_PERSISTED && reports[i].record &&
                      reports[i].record->value.size == 4 &&
                      !memcmp(reports[i].record->value.data, "kept", 4);
    check(handed == COUNT, "poll then hands out each of them, with its record");
    kurier_producer_free(l.producer);
    kill(server.pid, SIGCONT);
}

static void test_purge(void)
{
    const char *const settings[] = {"linger.ms", "60000", NULL};
    struct line l = line_open("purged", settings, false);
    kurier_record record = {.value = kurier_str("x"), .opaque = 5};
    kurier_report report;
    if (kurier_client_ready(kurier_producer_client(l.producer), PATIENCE_MS, &err) ||
        kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err))
        printf("# %s\n", err.text);
    for (int i = 0; i < 10; i++)
        if (kurier_topic_send(l.topic, &record, &err))
            break;
    size_t waiting = kurier_producer_outstanding(l.producer);
    size_t purged = kurier_producer_purge(l.producer, false);
    size_t told = take_reports(&l, 10, KURIER_E_PURGED);
    size_t left = kurier_producer_outstanding(l.producer);
    check(waiting == 10 && purged == 10 && told == 10 && left == 0,
          "purge gives up what was not sent");
    line_close(&l);
}

static void test_unreachable(void)
{
    const char *const settings[] = {"bootstrap.servers",
                                    "127.0.0.1:1",
                                    "delivery.timeout.ms",
                                    "500",
                                    "request.timeout.ms",
                                    "400",
                                    NULL};
    struct line l = line_open("nowhere", settings, false);
    kurier_record record = {.value = kurier_str("x"), .opaque = 5};
    check(kurier_client_ready(kurier_producer_client(l.producer), 2000, &err) == KURIER_E_TRANSPORT,
          "ready tells that nothing can be reached");
    bool sent = kurier_topic_send(l.topic, &record, &err) == KURIER_OK;
    check(sent && take_reports(&l, 1, KURIER_E_TIMED_OUT) == 1,
          "a record is accepted meanwhile, and reported when its time is up");
    line_close(&l);
}

/* ---- Partitioner, growth ------------------------------------------------------------------------ */

static int32_t always_three(void *ctx, const kurier_topic *topic, const kurier_record *record,
                            const kurier_partitions *partitions)
{
    (void)topic;
    (void)record;
    ++*(int *)ctx;
    return partitions->count == PARTITIONS && partitions->queued_bytes[3] != UINT32_MAX
               ? 3
               : KURIER_ANY_PARTITION;
}

static void test_partitioner(void)
{
    int calls = 0;
    kurier_config *config = configure(NULL);
    kurier_config_set_partitioner(config, always_three, &calls);
    kurier_producer *producer = kurier_producer_new(NULL, config, &err);
    kurier_topic *topic = kurier_producer_topic(producer, "chosen", &err);
    kurier_record record = {.value = kurier_str("x")};
    kurier_report report = {0};
    kurier_config_free(config);
    bool refused = kurier_topic_try_send(topic, &record, &err) == KURIER_E_QUEUE_FULL;
    kurier_code code = kurier_topic_send_wait(topic, &record, &report, PATIENCE_MS, &err);
    check(refused && code == KURIER_OK && report.partition == 3 && calls == 1,
          "the application's partitioner sees each record once, with the partitions");
    kurier_producer_close(producer, PATIENCE_MS, NULL);
    kurier_producer_free(producer);
}

static void test_growth(void)
{
    const char *const settings[] = {"metadata.max.age.ms", "200", NULL};
    struct line l = line_open("grown", settings, false);
    kurier_record record = {.value = kurier_str("x")};
    kurier_report report = {0};
    bool before = kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err) == KURIER_OK;
    kurier_new_topic grown = {.name = "grown", .partitions = 6};
    kurier_result *result =
        kurier_admin_run(kurier_producer_client(l.producer),
                         kurier_admin_create_partitions(&grown, 1), PATIENCE_MS, &err);
    bool raised = result && kurier_result_error(result, &err) == KURIER_OK;
    kurier_result_free(result);
    record.flags = KURIER_TO_PARTITION;
    record.partition = 5;
    int64_t deadline = now_ms() + PATIENCE_MS;
    while (kurier_topic_partitions(l.topic) < 6 && now_ms() < deadline)
        poll(NULL, 0, 10); /* until metadata is asked for anew */
    bool after = kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err) == KURIER_OK;
    check(before && raised && after && report.partition == 5 && report.offset == 0,
          "partitions that are added are used");
    line_close(&l);
}

/* ---- Threads, forks, allocations ------------------------------------------------------------------ */

static int count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = -2;
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static void test_thread_count(void)
{
    int before = count_threads();
    struct line threaded = line_open("counted", NULL, false);
    int with_one = count_threads();
    struct line second = line_open("counted", NULL, false);
    int with_two = count_threads();
    line_close(&threaded);
    line_close(&second);
    int without = count_threads();
    struct line driven = line_open("counted", NULL, true);
    int with_driven = count_threads();
    line_close(&driven);
    check(with_one == before + 1 && with_two == before + 1 && with_driven == without,
          "one thread for all producers, none when driven");
}

static void test_fork(void)
{
    struct line l = line_open("forked", NULL, false);
    kurier_record record = {.value = kurier_str("x")};
    kurier_report report;
    bool before = kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err) == KURIER_OK;
    pid_t pid = fork();
    if (pid == 0) {
        bool told = kurier_topic_send(l.topic, &record, NULL) == KURIER_E_FORKED &&
                    kurier_producer_flush(l.producer, 100, NULL) == KURIER_E_FORKED;
        kurier_producer_free(l.producer);
        _exit(told ? 0 : 1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    bool after = kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err) == KURIER_OK;
    check(before && status == 0 && after, "a child of fork is told so; the parent goes on");
    line_close(&l);
}

/* Every allocation of this process, the library's included. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);
static _Atomic size_t allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
    allocations++;
    return __libc_realloc(ptr, size);
}

static void test_allocations(void)
{
    enum { COUNT = 200000 };
    static char value[100];
    struct line l = line_open("counting", NULL, false);
    kurier_record record = {.value = {value, sizeof value}, .opaque = 1};
    kurier_report report;
    bool ok = kurier_topic_send_wait(l.topic, &record, &report, PATIENCE_MS, &err) == KURIER_OK;
    size_t before = allocations, reported = 0;
    kurier_report reports[REPORTS];
    for (int i = 0; ok && i < COUNT; i++) {
        ok = kurier_topic_send(l.topic, &record, &err) == KURIER_OK;
        if (i % REPORTS == 0)
            reported += kurier_producer_poll(l.producer, reports, REPORTS, 0, NULL);
    }
    reported += take_reports(&l, COUNT - reported, KURIER_OK);
    size_t made = allocations - before;
    printf("# %zu allocations for %d records\n", made, COUNT);
    check(ok && reported == COUNT && made < COUNT / 10, "no allocation per record");
    line_close(&l);
}
#else
static void test_allocations(void)
{
    check(true, "no allocation per record # SKIP the sanitizer has its own allocator");
}
#endif

int main(void)
{
    static const char *const options[] = {"num.partitions=4", NULL};
    if (!kit_server_start(&server, options))
        return printf("Bail out! %s\n", server.words), 1;
    test_record();
    test_refused();
    test_threads("threads", NULL, "four threads: all delivered, each one's order kept");
    test_threads("packed", (const char *const[]){"compression.type", "lz4", NULL},
                 "the same, compressed");
    test_threads("single", (const char *const[]){"acks", "1", "batch.size", "1", NULL},
                 "the same without idempotence, a batch for each record");
    test_try_send();
    test_memory_waits();
    test_close_hands_out();
    test_purge();
    test_unreachable();
    test_partitioner();
    test_growth();
    test_thread_count();
    test_fork();
    test_allocations();
    check(kit_server_stop(&server), "kurierd ends cleanly");
    printf("1..%d\n", cases);
    return 0;
}
