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
    size_t sent, reported, failed;
    kurier_error err;
};

/* What is due for the library: a bounded step, then the reports it made. */
static void serve(struct service *s)
{
    kurier_report reports[64];
    size_t n;
    kurier_runtime_step(s->runtime, NULL);
    while ((n = kurier_producer_poll(s->producer, reports, 64, 0, NULL)) > 0)
        for (size_t i = 0; i < n; i++, s->reported++)
            s->failed += reports[i].code != KURIER_OK;
}

/* False at the end of input, or when a line was refused. */
static bool read_line(struct service *s)
{
    char line[4096];
    if (!fgets(line, sizeof line, stdin))
        return false;
    kurier_record record = {.value = {line, strcspn(line, "\n")}, .opaque = 1};
    bool ok = !kurier_topic_send(s->topic, &record, &s->err);
    s->sent += ok;
    return ok;
}

static void run(struct service *s)
{
    int ep = epoll_create1(EPOLL_CLOEXEC), library = kurier_runtime_fd(s->runtime);
    struct epoll_event ev = {.events = EPOLLIN, .data = {.fd = library}};
    epoll_ctl(ep, EPOLL_CTL_ADD, library, &ev);
    ev.data.fd = STDIN_FILENO;
    setvbuf(stdin, NULL, _IONBF, 0); /* epoll sees all there is to read */
    bool file = epoll_ctl(ep, EPOLL_CTL_ADD, STDIN_FILENO, &ev) != 0; /* always readable */
    bool open = true;
    while (open || s->reported < s->sent) {
        int n = epoll_wait(ep, &ev, 1, open && file ? 0 : -1);
        if (n > 0 && ev.data.fd == library)
            serve(s);
        else if (open && !(open = read_line(s)) && !file)
            epoll_ctl(ep, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    }
    close(ep);
}

int main(int argc, char **argv)
{
    struct service s = {0};
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", argc > 1 ? argv[1] : "127.0.0.1:9092");
    s.runtime = kurier_runtime_new(KURIER_DRIVEN, config, &s.err);
    s.producer = s.runtime ? kurier_producer_new(s.runtime, config, &s.err) : NULL;
    s.topic =
        s.producer ? kurier_producer_topic(s.producer, argc > 2 ? argv[2] : "lines", &s.err) : NULL;
    kurier_config_free(config);
    if (s.topic)
        run(&s);
    fprintf(stderr, "%zu of %zu lines delivered. %s\n", s.reported - s.failed, s.sent, s.err.text);
    if (s.producer)
        kurier_producer_close(s.producer, 5000, NULL); /* steps the runtime itself */
    kurier_producer_free(s.producer);
    kurier_runtime_free(s.runtime);
    return s.failed || s.err.code || !s.topic;
}
