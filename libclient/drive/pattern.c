/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/pattern.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/api.h"
#include "wire/gen/metadata.h"

enum { ARENA_BYTES = 256 << 20, VERSION_MIN = 4, VERSION_MAX = 13 };

struct kc_pattern {
    struct kurier_client *client;
    char *text;
    struct kb_regex *regex;
    kc_pattern_fn *changed;
    struct kurier_consumer *owner;
    struct kc_names names;
    bool known; /* they are: some answer came */
    struct kc_ask ask;
    struct kn_timer timer; /* of the next question */
    struct kc_backoff backoff;
};

int kc_pattern_compile(const char *text, struct kb_regex **out, struct kb_error *err)
{
    return kb_regex_new(kb_slice_str(text), out, err);
}

static struct kn_loop *loop_of(const struct kc_pattern *p)
{
    return kc_client_loop(p->client);
}

static void ask_in(struct kc_pattern *p, int64_t ms)
{
    kn_timer_set(loop_of(p), &p->timer, kb_deadline(kn_loop_now(loop_of(p)), ms));
}

/* ---- Questions and answers -----------------------------------------------------*/

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kw_metadata_request request;
    (void)ask;
    kw_metadata_request_init(&request);
    request.topics = NULL;
    request.topics_count = -1; /* all */
    request.allow_auto_topic_creation = false;
    return kw_metadata_request_encode(out, version, &request) ? 0 : KB_E_NO_MEMORY;
}

static bool counts(const struct kc_pattern *p, const struct kw_metadata_response_topic *topic)
{
    bool hidden = topic->is_internal && p->client->options->consumer.exclude_internal_topics;
    return !hidden && topic->name.size > 0 && kb_regex_match(p->regex, topic->name);
}

static bool match(const struct kc_pattern *p, const struct kw_metadata_response *response,
                  struct kc_names *out)
{
    bool whole = true;
    for (int32_t i = 0; i < response->topics_count && whole; i++)
        if (counts(p, &response->topics[i]))
            whole = kc_names_add(out, response->topics[i].name);
    return whole;
}

/* False: no memory. */
static bool take(struct kc_pattern *p, const struct kw_metadata_response *response)
{
    struct kc_names names;
    kc_names_init(&names);
    bool whole = match(p, response, &names);
    bool news = !p->known || !kc_names_equal(&names, &p->names);
    if (whole && news)
        whole = p->changed(p->owner, p->text, &names);
    if (whole)
        kc_names_move(&p->names, &names);
    kc_names_deinit(&names);
    p->known |= whole;
    return whole;
}

static bool hear(struct kc_pattern *p, const struct kn_answer *answer)
{
    struct kb_arena arena;
    struct kw_metadata_response response;
    kb_arena_init(&arena, ARENA_BYTES);
    bool heard = !answer->err &&
                 kw_metadata_response_decode(answer->body, answer->version, &arena, &response);
    if (heard)
        kc_client_throttled(p->client, p->ask.from, response.throttle_time_ms);
    heard = heard && !response.error_code && take(p, &response);
    kb_arena_deinit(&arena);
    return heard;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_pattern *p = KB_CONTAINER(ask, struct kc_pattern, ask);
    if (!hear(p, answer)) {
        ask_in(p, kc_backoff_next_ms(&p->backoff, &p->client->runtime->random));
        return;
    }
    kc_backoff_reset(&p->backoff);
    ask_in(p, p->client->options->common.metadata_max_age_ms);
}

static void on_timer(struct kn_timer *timer)
{
    struct kc_pattern *p = KB_CONTAINER(timer, struct kc_pattern, timer);
    const struct kc_common_options *common = &p->client->options->common;
    p->ask = (struct kc_ask){.api_key = KW_API_METADATA,
                             .min_version = VERSION_MIN,
                             .max_version = VERSION_MAX,
                             .deadline_ms =
                                 kb_deadline(kn_loop_now(loop_of(p)), common->request_timeout_ms),
                             .encode = encode,
                             .on_answer = on_answer};
    kc_client_ask(p->client, KC_ANY_BROKER, &p->ask);
}

/* ---- Life ------------------------------------------------------------------------*/

struct kc_pattern *kc_pattern_new(struct kurier_client *client, const char *text,
                                  struct kb_regex *regex, kc_pattern_fn *changed,
                                  struct kurier_consumer *owner)
{
    const struct kc_common_options *common = &client->options->common;
    struct kc_pattern *p = KB_NEW(struct kc_pattern);
    char *copy = p ? kb_strdup(text) : NULL;
    if (!copy) {
        kb_free(p);
        return NULL;
    }
    *p = (struct kc_pattern){
        .client = client, .text = copy, .regex = regex, .changed = changed, .owner = owner};
    kc_backoff_init(&p->backoff, common->retry_backoff_ms, common->retry_backoff_max_ms);
    kn_timer_init(&p->timer, on_timer);
    ask_in(p, 0);
    return p;
}

void kc_pattern_free(struct kc_pattern *p)
{
    if (!p)
        return;
    kc_ask_cancel(&p->ask);
    kn_timer_cancel(loop_of(p), &p->timer);
    kc_names_deinit(&p->names);
    kb_regex_free(p->regex);
    kb_free(p->text);
    kb_free(p);
}

bool kc_pattern_is_known(const struct kc_pattern *p)
{
    return p->known;
}
