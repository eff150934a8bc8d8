/* SPDX-License-Identifier: Apache-2.0 */
/* epoll BROKERS TOPIC: sends standard input line by line from a loop of its own,
 * with no thread but main: the library's descriptor is one among others. */
#include <kurier/kurier.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct service {
    kurier_runtime *runtime;
    kurier_producer *producer;
    kurier_topic *topic;
    size_t sent, delivered;
    kurier_error err;
};

static void watch(int ep, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

/* What is due for the library: a bounded step, then the reports it made. */
static void serve(struct service *s)
{
    kurier_report reports[64];
    size_t n;
    kurier_runtime_step(s->runtime, &s->err);
    while ((n = kurier_producer_poll(s->producer, reports, 64, 0, NULL)) > 0)
        for (size_t i = 0; i < n; i++)
            s->delivered += reports[i].code == KURIER_OK;
}

/* False at the end of input, or when a line was refused. */
static bool read_line(struct service *s)
{
    char line[4096];
    if (!fgets(line, sizeof line, stdin))
        return false;
    kurier_record record = {.value = {line, strcspn(line, "\n")}, .opaque = ++s->sent};
    return !kurier_topic_send(s->topic, &record, &s->err);
}

int main(int argc, char **argv)
{
    struct service s = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: %s BROKERS TOPIC\n", argv[0]);
        return 2;
    }
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argv[1]);
    s.runtime = kurier_runtime_new(KURIER_DRIVEN, config, &s.err);
    s.producer = s.runtime ? kurier_producer_new(s.runtime, config, &s.err) : NULL;
    s.topic = s.producer ? kurier_producer_topic(s.producer, argv[2], &s.err) : NULL;
    kurier_config_free(config);

    int ep = epoll_create1(EPOLL_CLOEXEC);
    bool open = s.topic && ep >= 0;
    setvbuf(stdin, NULL, _IONBF, 0); /* what epoll sees is all there is */
    if (open)
        watch(ep, kurier_runtime_fd(s.runtime));
    bool polled = open && isatty(STDIN_FILENO);
    if (polled)
        watch(ep, STDIN_FILENO);
    while (open || (s.topic && s.delivered < s.sent && !s.err.code)) {
        struct epoll_event ev;
        int n = epoll_wait(ep, &ev, 1, open && !polled ? 0 : -1);
        if (n > 0 && ev.data.fd != STDIN_FILENO)
            serve(&s);
        else if (open)
            open = read_line(&s);
    }
    if (s.err.code)
        fprintf(stderr, "%s\n", s.err.text);
    fprintf(stderr, "%zu of %zu lines delivered\n", s.delivered, s.sent);
    kurier_producer_close(s.producer, 5000, NULL); /* steps the runtime itself */
    kurier_producer_free(s.producer);
    kurier_runtime_free(s.runtime);
    return s.delivered != s.sent || !s.topic;
}
