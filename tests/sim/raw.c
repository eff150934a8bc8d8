/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/raw.h"

#include "base/check.h"

enum { AGAIN_MAX_MS = 60, CALL_MS = 5000, IN_FLIGHT = 64 };

static void on_ready(struct kn_rpc *rpc)
{
    struct raw_link *link = kn_rpc_owner(rpc);
    link->up(link);
}

static void connect_later(struct raw_link *link)
{
    struct world *w = link->process->world;
    int64_t ms = world_between(w, 1, AGAIN_MAX_MS);
    kn_timer_set(link->process->loop, &link->again, world_now_ms(w) + ms);
}

static void on_close(struct kn_rpc *rpc, const struct kb_error *why)
{
    struct raw_link *link = kn_rpc_owner(rpc);
    world_trace(link->process->world, "  link: %s", why->text);
    link->rpc = NULL;
    connect_later(link);
}

static void connect_now(struct kn_timer *timer)
{
    static const struct kn_rpc_handler handler = {.on_ready = on_ready, .on_close = on_close};
    static const struct kn_rpc_options options = {.client_id = "raw",
                                                  .software_name = "raw",
                                                  .software_version = "1",
                                                  .setup_ms = 1000,
                                                  .max_in_flight = IN_FLIGHT,
                                                  .broker = -1};
    struct raw_link *link = KB_CONTAINER(timer, struct raw_link, again);
    link->rpc = kn_rpc_new(link->process->loop, "broker", WORLD_PORT, &options, &handler, link);
    KB_CHECK(link->rpc);
}

void raw_link_open(struct raw_link *link, struct process *process,
                   void (*up)(struct raw_link *link))
{
    *link = (struct raw_link){.process = process, .up = up};
    kn_timer_init(&link->again, connect_now);
    connect_later(link);
}

bool raw_link_is_up(const struct raw_link *link)
{
    return link->rpc && kn_rpc_state(link->rpc) == KN_RPC_READY;
}

void raw_link_break(struct raw_link *link)
{
    if (link->rpc)
        kn_rpc_close(link->rpc, NULL);
}

void raw_link_close(struct raw_link *link)
{
    kn_timer_cancel(link->process->loop, &link->again);
    if (link->rpc)
        kn_rpc_drop(link->rpc);
    link->rpc = NULL;
}

void raw_call_bytes(struct raw_link *link, int16_t key, int16_t version, struct kb_buf *body,
                    kn_answer_fn *fn, void *ctx)
{
    struct kb_error err;
    struct kb_piece piece = {kb_buf_ref(body), kb_buf_view(body)};
    struct kn_request request = {.api_key = key,
                                 .version = version,
                                 .pieces = &piece,
                                 .n = 1,
                                 .timeout_ms = CALL_MS,
                                 .on_answer = fn,
                                 .ctx = ctx};
    if (!kn_rpc_call(link->rpc, &request, &err)) {
        struct kn_answer answer = {.err = &err};
        fn(ctx, &answer);
        raw_link_break(link);
    }
}

void raw_call(struct raw_link *link, int16_t key, int16_t version, struct kw_writer *body,
              kn_answer_fn *fn, void *ctx)
{
    struct kb_buf *buf = kw_writer_take(body);
    KB_CHECK(buf);
    kw_writer_deinit(body);
    raw_call_bytes(link, key, version, buf, fn, ctx);
    kb_buf_unref(buf);
}
