/* SPDX-License-Identifier: Apache-2.0 */
/* Where a partition begins and ends: ListOffsets for those that must be reset,
 * over the control link, since it has nothing to wait for. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/consumer_fetch.h"
#include "wire/gen/list_offsets.h"
#include "wire/writer.h"

enum { LIST_OFFSETS = 2, MIN_VERSION = 1, MAX_VERSION = 8 };

struct asking {
    struct kc_ask ask;
    struct kb_list all;
    struct kurier_consumer *consumer;
    int32_t node;
    struct kb_arena arena; /* of the request */
    struct kw_list_offsets_request request;
};

static void asking_free(struct asking *a)
{
    kb_list_remove(&a->all);
    kb_arena_deinit(&a->arena);
    kb_free(a);
}

void kc_consumer_drop_asks(struct kurier_consumer *c)
{
    struct kb_list *it;
    while ((it = c->asks.next) != &c->asks) {
        struct asking *a = KB_CONTAINER(it, struct asking, all);
        kc_ask_cancel(&a->ask);
        asking_free(a);
    }
}

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct asking *a = KB_CONTAINER(ask, struct asking, ask);
    return kw_list_offsets_request_encode(out, version, &a->request) ? 0 : KB_E_NO_MEMORY;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct asking *a = KB_CONTAINER(ask, struct asking, ask);
    struct kurier_consumer *c = a->consumer;
    struct kb_time now = kn_loop_now(kc_client_loop(c->client));
    struct kc_fetched_list list = {0};
    struct kw_list_offsets_response response;
    kb_arena_reset(&c->arena);
    bool read = !answer->err && kw_list_offsets_response_decode(answer->body, answer->version,
                                                                &c->arena, &response);
    if (read) {
        kc_fetcher_answer_offsets(&c->fetcher, now, a->node, &response, &c->arena, &list);
        kc_consumer_deliver(c, &list, NULL);
    } else
        kc_fetcher_failure_offsets(&c->fetcher, now, a->node);
    asking_free(a);
    kn_task_soon(kc_client_loop(c->client), &c->look);
}

void kc_consumer_ask_offsets(struct kurier_consumer *c, int32_t node)
{
    struct kb_time now = kn_loop_now(kc_client_loop(c->client));
    if (!kc_fetcher_offsets_due(&c->fetcher, now, node))
        return;
    struct asking *a = KB_NEW(struct asking);
    if (!a) {
        kc_fetcher_wait(&c->fetcher, now, node);
        return;
    }
    kb_arena_init(&a->arena, KC_FETCH_ARENA_BYTES);
    kb_list_push_back(&c->asks, &a->all);
    a->consumer = c;
    a->node = node;
    if (!kc_fetcher_plan_offsets(&c->fetcher, now, node, &a->arena, &a->request)) {
        asking_free(a);
        return;
    }
    a->ask = (struct kc_ask){.api_key = LIST_OFFSETS,
                             .min_version = MIN_VERSION,
                             .max_version = MAX_VERSION,
                             .deadline_ms =
                                 kb_deadline(now, c->client->options->common.request_timeout_ms),
                             .encode = encode,
                             .on_answer = on_answer};
    kc_client_ask(c->client, node, &a->ask);
}
