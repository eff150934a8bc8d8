/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/raw_echo.h"

#include "base/check.h"

static void hear_nothing(void *ctx, const struct kn_answer *answer)
{
    (void)ctx, (void)answer;
}

static void on_timer(struct kn_timer *timer)
{
    struct raw_echo *echo = KB_CONTAINER(timer, struct raw_echo, timer);
    if (raw_link_is_up(&echo->all->link))
        raw_call_bytes(&echo->all->link, echo->key, echo->version, echo->body, hear_nothing, NULL);
    kb_buf_unref(echo->body);
    echo->body = NULL;
}

static void on_up(struct raw_link *link)
{
    (void)link;
}

void raw_echoes_open(struct raw_echoes *e, struct process *process)
{
    *e = (struct raw_echoes){0};
    raw_link_open(&e->link, process, on_up);
    for (int i = 0; i < RAW_ECHOES; i++) {
        e->each[i].all = e;
        kn_timer_init(&e->each[i].timer, on_timer);
    }
}

bool raw_echo(struct raw_echoes *e, int16_t key, int16_t version, struct kb_buf *body,
              int64_t in_ms)
{
    struct raw_echo *echo = e->each;
    while (echo < e->each + RAW_ECHOES && echo->body)
        echo++;
    if (echo == e->each + RAW_ECHOES)
        return false;
    echo->key = key;
    echo->version = version;
    echo->body = kb_buf_ref(body);
    kn_timer_set(e->link.process->loop, &echo->timer, world_now_ms(e->link.process->world) + in_ms);
    return true;
}

void raw_echoes_close(struct raw_echoes *e)
{
    for (int i = 0; i < RAW_ECHOES; i++) {
        kn_timer_cancel(e->link.process->loop, &e->each[i].timer);
        kb_buf_unref(e->each[i].body);
        e->each[i].body = NULL;
    }
    raw_link_close(&e->link);
}
