/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a loop costs: mail between two threads, timers, and frames that come
 * back over loopback. Prints one line a measurement.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "net/dial.h"
#include "net/conn.h"
#include "net/listener.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

struct thread {
    struct kn_env *env;
    struct kn_loop *loop;
    pthread_t id;
};

static void *run(void *arg)
{
    kn_loop_run(((struct thread *)arg)->loop);
    return NULL;
}

static void open_loop(struct thread *thread)
{
    thread->env = kn_env_real_new();
    thread->loop = kn_loop_new(thread->env);
}

static void close_loop(struct thread *thread)
{
    kn_loop_free(thread->loop);
    thread->env->ops->free(thread->env);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* ---- Mail --------------------------------------------------------------- */

struct ball {
    struct kn_mail mail;
    struct kn_loop *other;
    long left;
};

static void on_ball(struct kn_loop *loop, struct kn_mail *mail)
{
    struct ball *ball = KB_CONTAINER(mail, struct ball, mail);
    struct kn_loop *other = ball->other;
    ball->other = loop;
    if (ball->left-- > 0) {
        kn_loop_post(other, mail);
        return;
    }
    kn_loop_stop(other);
    kn_loop_stop(loop);
}

static void measure_mail(void)
{
    enum { ROUNDS = 100000, LOCAL = 5000000 };
    struct thread a, b;
    open_loop(&a);
    open_loop(&b);
    struct ball far = {.mail.fn = on_ball, .other = a.loop, .left = 2 * ROUNDS};
    pthread_create(&b.id, NULL, run, &b);
    int64_t began = kb_mono_ns();
    kn_loop_post(b.loop, &far.mail);
    kn_loop_run(a.loop);
    printf("mail between two threads   %8.2f us a round trip\n",
           (double)(kb_mono_ns() - began) / ROUNDS / 1000);
    pthread_join(b.id, NULL);
    struct ball near = {.mail.fn = on_ball, .other = a.loop, .left = LOCAL};
    kn_loop_post(a.loop, &near.mail);
    began = kb_mono_ns();
    kn_loop_run(a.loop);
    printf("mail to the own loop       %8.2f ns\n", (double)(kb_mono_ns() - began) / LOCAL);
    close_loop(&a);
    close_loop(&b);
}

/* ---- Timers ------------------------------------------------------------- */

static void on_timer(struct kn_timer *timer)
{
    (void)timer;
}

static void measure_timers(void)
{
    enum { TIMERS = 10000, ROUNDS = 100 };
    struct thread a;
    struct kn_timer *timers = KB_NEW_ARRAY(struct kn_timer, TIMERS);
    open_loop(&a);
    int64_t now_ms = kn_loop_now(a.loop).mono_ms, began = kb_mono_ns();
    for (int i = 0; i < TIMERS; i++)
        kn_timer_init(&timers[i], on_timer);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < TIMERS; i++)
            kn_timer_set(a.loop, &timers[i], now_ms + 100000 + i * 7919 % 60000 + round);
    printf("moving one of 10000 timers %8.2f ns\n",
           (double)(kb_mono_ns() - began) / TIMERS / ROUNDS);
    for (int i = 0; i < TIMERS; i++)
        kn_timer_cancel(a.loop, &timers[i]);
    close_loop(&a);
    kb_free(timers);
}

/* ---- Echo --------------------------------------------------------------- */

struct echo {
    struct thread server, client;
    struct kn_listener *listener;
    struct kn_conn *conn, *peer;
    struct kb_buf *frame;
    long left, window;
};

static void send_frame(struct kn_conn *conn, struct kb_buf *frame)
{
    struct kb_piece piece = {frame, kb_buf_view(frame)};
    kn_conn_send(conn, &piece, 1, NULL);
}

static void on_request(struct kn_conn *conn, struct kb_buf *frame)
{
    send_frame(conn, frame);
}

static void on_reply(struct kn_conn *conn, struct kb_buf *frame)
{
    struct echo *echo = kn_conn_owner(conn);
    kb_buf_unref(frame);
    if (--echo->left == 0)
        kn_loop_stop(echo->client.loop);
    else if (echo->left >= echo->window)
        send_frame(conn, kb_buf_ref(echo->frame));
}

static const struct kn_conn_handler server_handler = {.on_frame = on_request};
static const struct kn_conn_handler client_handler = {.on_frame = on_reply};

static void on_accept(void *owner, struct kn_sock *sock, const struct kn_addr *peer)
{
    struct echo *echo = owner;
    (void)peer;
    echo->peer = kn_conn_new(echo->server.loop, sock, NULL, &server_handler, echo, NULL);
}

static void on_dialled(void *owner, struct kn_sock *sock, const struct kb_error *err)
{
    struct echo *echo = owner;
    (void)err;
    echo->conn = kn_conn_new(echo->client.loop, sock, NULL, &client_handler, echo, NULL);
    for (long i = 0; i < echo->window; i++)
        send_frame(echo->conn, kb_buf_ref(echo->frame));
}

static void measure_echo(const char *what, size_t size, long count, long window)
{
    struct echo echo = {.left = count, .window = window, .frame = kb_buf_new(size)};
    struct kn_addr addr;
    echo.frame->size = size;
    memset(echo.frame->data, 7, size);
    open_loop(&echo.server);
    open_loop(&echo.client);
    echo.listener =
        kn_listener_open(echo.server.loop, "127.0.0.1", 0, NULL, on_accept, &echo, NULL);
    kn_listener_local(echo.listener, &addr);
    pthread_create(&echo.server.id, NULL, run, &echo.server);
    double cpu = cpu_seconds();
    int64_t began = kb_mono_ns();
    kn_dial_new(echo.client.loop, "127.0.0.1", kn_addr_port(&addr), NULL, on_dialled, &echo);
    kn_loop_run(echo.client.loop);
    double seconds = (double)(kb_mono_ns() - began) / 1e9;
    cpu = cpu_seconds() - cpu;
    kn_loop_stop(echo.server.loop);
    pthread_join(echo.server.id, NULL);
    printf("%-26s %8.2f us each, %9.0f/s, %7.1f MB/s each way, CPU %8.2f us each\n", what,
           seconds * 1e6 / (double)count, (double)count / seconds,
           (double)count * (double)size / seconds / 1e6, cpu * 1e6 / (double)count);
    kn_conn_drop(echo.conn);
    kn_conn_drop(echo.peer);
    kn_listener_close(echo.listener);
    close_loop(&echo.server);
    close_loop(&echo.client);
    kb_buf_unref(echo.frame);
}

int main(void)
{
    measure_mail();
    measure_timers();
    measure_echo("echo 100 B, one by one", 100, 50000, 1);
    measure_echo("echo 100 B, 100 on the way", 100, 1000000, 100);
    measure_echo("echo 16 KiB, 10 on the way", 16 * 1024, 100000, 10);
    measure_echo("echo 1 MiB, 4 on the way", 1024 * 1024, 2000, 4);
    return 0;
}
