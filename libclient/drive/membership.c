/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/membership.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/core/group/finder.h"
#include "libclient/core/group/group_options.h"
#include "libclient/core/group/member_request.h"
#include "wire/gen/find_coordinator.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { ARENA_BYTES = 256 << 20, ROUND_GRACE_MS = 10000, AGAIN_MS = 100 };

struct kc_membership {
    struct kurier_client *client;
    const struct kc_membership_ops *ops;
    struct kurier_consumer *owner;
    struct kc_assignors assignors;
    struct kc_member member;
    struct kn_timer timer;
    struct kn_task turn;

    /* where its coordinator is */
    struct kc_finder finder;
    struct kc_ask find;
    uint32_t found; /* the finder's version that was acted on */
    bool refusal_told;
    struct kc_link *link; /* to it; NULL: not known, or no memory */
    bool told_down;

    /* the member's request on its way */
    struct kc_ask ask;
    uint64_t flight; /* its number; 0: none */
    struct kc_member_request request;
    struct kb_arena request_arena, answer_arena;

    /* what was told of the member */
    uint64_t changes;
    uint32_t errors, wanted_version, assigns;
    enum kc_standing standing;
    int32_t generation;
    const char *doing;
    int trouble; /* its code */
    bool leaving;
    bool metadata_new;        /* and the member has not looked yet */
    struct kc_topic **topics; /* those wanted, held */
    size_t topic_count;
};

static struct kb_time now_of(const struct kc_membership *m)
{
    return kn_loop_now(kc_client_loop(m->client));
}

static const char *group_of(const struct kc_membership *m)
{
    return m->client->options->consumer.group_id;
}

static void soon(struct kc_membership *m)
{
    kn_task_soon(kc_client_loop(m->client), &m->turn);
}

/* ---- Where the coordinator is -------------------------------------------------------*/

static int encode_find(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_membership *m = KB_CONTAINER(ask, struct kc_membership, find);
    return kc_finder_encode(&m->finder, out, version) ? 0 : KB_E_NO_MEMORY;
}

static void on_found(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_membership *m = KB_CONTAINER(ask, struct kc_membership, find);
    struct kw_find_coordinator_response response;
    struct kb_error err;
    kb_arena_reset(&m->answer_arena);
    if (answer->err) {
        kc_finder_failure(&m->finder, now_of(m), answer->err);
    } else if (kw_find_coordinator_response_decode(answer->body, answer->version, &m->answer_arena,
                                                   &response)) {
        kc_client_throttled(m->client, ask->from, response.throttle_time_ms);
        kc_finder_answer(&m->finder, now_of(m), answer->version, &response);
    } else {
        kb_error_set(&err, KB_E_NETWORK_EXCEPTION,
                     "an answer to FindCoordinator that cannot be "
                     "read");
        kc_finder_failure(&m->finder, now_of(m), &err);
    }
    soon(m);
}

static void find(struct kc_membership *m)
{
    struct kb_time now = now_of(m);
    if (!kc_finder_ask(&m->finder, now))
        return;
    m->find = (struct kc_ask){.api_key = KW_API_FIND_COORDINATOR,
                              .min_version = KC_FIND_MIN,
                              .max_version = KC_FIND_MAX,
                              .deadline_ms =
                                  kb_deadline(now, m->client->options->common.request_timeout_ms),
                              .encode = encode_find,
                              .on_answer = on_found};
    kc_client_ask(m->client, KC_ANY_BROKER, &m->find);
}

static void on_up(struct kc_link *link)
{
    struct kc_membership *m = kc_link_owner(link);
    m->told_down = false;
    kc_client_tell_up(m->client, link);
}

static void on_down(struct kc_link *link, const struct kb_error *why)
{
    struct kc_membership *m = kc_link_owner(link);
    if (!m->told_down)
        kc_client_tell_down(m->client, link, why);
    m->told_down = true;
}

static void on_state(const struct kc_link *link)
{
    struct kc_membership *m = kc_link_owner(link);
    kc_debug_link(&m->client->debug, link);
}

static const struct kc_link_handler link_handler = {
    .on_up = on_up, .on_down = on_down, .on_state = on_state};

static void drop_link(struct kc_membership *m)
{
    if (m->link)
        kc_link_free(m->link);
    m->link = NULL;
}

/* A round parks for longer than other requests may take: each has its own deadline. */
static struct kc_link *link_new(struct kc_membership *m)
{
    const struct kc_options *all = m->client->options;
    struct kc_link_options options = kc_client_link_options(m->client, all->common.client_id);
    int64_t round_ms = (int64_t)all->consumer.max_poll_interval_ms + ROUND_GRACE_MS;
    options.request_timeout_ms =
        (int32_t)KB_MIN(KB_MAX(round_ms, options.request_timeout_ms), INT32_MAX);
    return kc_link_new(m->client->runtime, m->finder.node, m->finder.host, m->finder.port, &options,
                       &link_handler, m);
}

static bool link_fits(const struct kc_membership *m)
{
    return m->link && kc_link_node(m->link) == m->finder.node;
}

static void go_there(struct kc_membership *m)
{
    if (link_fits(m))
        kc_link_move(m->link, m->finder.host, m->finder.port);
    else
        drop_link(m);
    if (!m->link)
        m->link = link_new(m);
}

static void refused(struct kc_membership *m)
{
    if (!m->finder.refused || m->refusal_told)
        return;
    m->refusal_told = true;
    kc_member_refused(&m->member, now_of(m), &m->finder.err);
    m->ops->coordinator(m->owner);
}

/* Between the finder, which says where, and the member, which says no longer there. */
static void settle_coordinator(struct kc_membership *m)
{
    bool known = m->finder.node >= 0;
    if (known && m->found == m->finder.version && !m->member.coordinator_known)
        kc_finder_lost(&m->finder);
    if (m->member.wants_coordinator)
        kc_finder_want(&m->finder);
    if (m->found == m->finder.version)
        return;
    m->found = m->finder.version;
    known = m->finder.node >= 0;
    kc_member_coordinator(&m->member, now_of(m), known);
    if (known) {
        go_there(m);
        m->ops->coordinator(m->owner);
    }
}

/* ---- Requests -------------------------------------------------------------------------*/

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    struct kc_membership *m = KB_CONTAINER(ask, struct kc_membership, ask);
    if (kc_member_encode(out, version, &m->request))
        return 0;
    return strcmp(out->fault, "out of memory") ? KB_E_UNSUPPORTED : KB_E_NO_MEMORY;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kc_membership *m = KB_CONTAINER(ask, struct kc_membership, ask);
    struct kc_member_response response;
    struct kb_error err;
    m->flight = 0;
    kb_arena_reset(&m->answer_arena);
    if (answer->err) {
        bool spoke = answer->err->code == KB_E_UNSUPPORTED; /* it has no such API */
        if (ask->from == m->link && m->link && !spoke)
            kc_link_cut(m->link, answer->err); /* it may be that nobody is there any more */
        kc_member_failure(&m->member, now_of(m), answer->err);
    } else if (kc_member_decode(answer->body, answer->version, &m->answer_arena, ask->api_key,
                                &response)) {
        kc_client_throttled(m->client, ask->from, response.throttle_ms);
        kc_member_answer(&m->member, now_of(m), &response);
    } else {
        kb_error_set(&err, KB_E_NETWORK_EXCEPTION, "%s: an answer to %s that cannot be read",
                     kc_link_name(ask->from), kw_api_name(ask->api_key));
        kc_member_failure(&m->member, now_of(m), &err);
    }
    soon(m);
}

/* A parked request holds up the connection: what comes next takes a new one. */
static void abandon(struct kc_membership *m)
{
    struct kb_error why;
    bool parked = m->request.parks && m->ask.call;
    kc_ask_cancel(&m->ask);
    m->flight = 0;
    kb_error_set(&why, KB_E_INTERRUPTED, "a request to the group's coordinator was abandoned");
    if (parked && m->link)
        kc_link_cut(m->link, &why);
}

static void send_next(struct kc_membership *m)
{
    struct kb_time now = now_of(m);
    int16_t min, max;
    if (m->flight && m->flight != m->member.flight)
        abandon(m);
    if (!m->link && m->finder.node >= 0)
        m->link = link_new(m);
    if (m->flight || !m->link)
        return;
    kb_arena_reset(&m->request_arena);
    if (!kc_member_plan(&m->member, now, &m->request_arena, &m->request))
        return;
    m->flight = m->member.flight;
    kc_member_versions(m->request.api_key, &min, &max);
    m->ask = (struct kc_ask){.api_key = m->request.api_key,
                             .min_version = min,
                             .max_version = max,
                             .deadline_ms = kb_deadline(now, m->request.timeout_ms),
                             .encode = encode,
                             .on_answer = on_answer};
    if (m->request.aside)
        kc_client_ask(m->client, m->finder.node, &m->ask);
    else
        kc_link_ask(m->link, &m->ask);
}

/* ---- What the member wants, and says ---------------------------------------------------*/

static void let_go(struct kc_membership *m, struct kc_topic **topics, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kc_client_unwant(m->client, topics[i]);
    kb_free(topics);
}

/* The new ones are held before the old are let go: what is known of them stays. */
static void hold_topics(struct kc_membership *m)
{
    const struct kc_names *wanted = &m->member.wanted;
    if (m->wanted_version == m->member.wanted_version)
        return;
    struct kc_topic **topics = KB_NEW_ARRAY(struct kc_topic *, wanted->count + 1);
    size_t count = 0;
    while (topics && count < wanted->count &&
           (topics[count] = kc_client_want(m->client, wanted->names[count])))
        count++;
    if (!topics || count < wanted->count) {
        let_go(m, topics, count); /* no memory: again a little later */
        return;
    }
    let_go(m, m->topics, m->topic_count);
    m->topics = topics;
    m->topic_count = count;
    m->wanted_version = m->member.wanted_version;
}

static void tell_standing(struct kc_membership *m)
{
    enum kc_standing standing = kc_member_standing(&m->member);
    bool news = standing != m->standing ||
                (standing == KC_STANDING_IN && m->generation != m->member.generation);
    bool waits_for_another = m->doing != m->member.doing || m->trouble != m->member.trouble.code;
    m->doing = m->member.doing;
    m->trouble = m->member.trouble.code;
    if (news || waits_for_another)
        kc_client_ready_changed(m->client);
    if (!news)
        return;
    m->standing = standing;
    m->generation = m->member.generation;
    if (standing == KC_STANDING_IN)
        KB_LOG(kc_client_log(m->client), KB_LOG_INFO, "group",
               "group=%s joined generation=%d member=%s partitions=%zu", group_of(m), m->generation,
               m->member.member_id, m->member.owned.count);
    else
        KB_LOG(kc_client_log(m->client), KB_LOG_DEBUG, "group", "group=%s standing=%s: %s",
               group_of(m), kc_standing_name(standing), m->member.doing);
}

/* The owner may say done, or anything else, in any of these. */
static void tell(struct kc_membership *m)
{
    struct kc_member *member = &m->member;
    while (member->change != KC_CHANGE_NONE && m->changes != member->changes) {
        m->changes = member->changes;
        m->ops->change(m->owner, member->change, &member->changing);
    }
    if (member->to_assign && m->assigns != member->assigns) {
        m->assigns = member->assigns;
        m->ops->assign(m->owner, member->assigns, member->assign_by, member->to_assign);
    }
    if (m->errors != member->errors) {
        m->errors = member->errors;
        KB_LOG(kc_client_log(m->client), KB_LOG_WARN, "group", "%s", member->err.text);
        m->ops->tell(m->owner, &member->err);
    }
    if (m->leaving && kc_member_standing(member) != KC_STANDING_LEAVING) {
        m->leaving = false;
        m->ops->left(m->owner);
    }
    tell_standing(m);
}

/* ---- Turns -----------------------------------------------------------------------------*/

/* What the last turn could not do for want of memory is tried again. */
static void set_timer(struct kc_membership *m)
{
    int64_t ms = KB_MIN(kc_member_deadline_ms(&m->member), kc_finder_deadline_ms(&m->finder));
    bool lacks = (m->finder.node >= 0 && !m->link) || m->wanted_version != m->member.wanted_version;
    if (lacks)
        ms = KB_MIN(ms, now_of(m).mono_ms + AGAIN_MS);
    kn_timer_set(kc_client_loop(m->client), &m->timer, ms);
}

static void look(struct kc_membership *m)
{
    kc_member_alive(&m->member, m->ops->alive_until_ms(m->owner, now_of(m)));
    if (m->metadata_new)
        kc_member_metadata(&m->member, now_of(m));
    m->metadata_new = false;
    refused(m);
    settle_coordinator(m);
    hold_topics(m);
    tell(m);
    send_next(m);
    find(m);
    set_timer(m);
}

static void on_turn(struct kn_task *task)
{
    look(KB_CONTAINER(task, struct kc_membership, turn));
}

static void on_timer(struct kn_timer *timer)
{
    struct kc_membership *m = KB_CONTAINER(timer, struct kc_membership, timer);
    kc_member_alive(&m->member, m->ops->alive_until_ms(m->owner, now_of(m)));
    kc_member_tick(&m->member, now_of(m));
    look(m);
}

/* ---- What its owner says ---------------------------------------------------------------*/

static void look_for_it(struct kc_membership *m)
{
    m->refusal_told = false;
    kc_finder_want(&m->finder);
    soon(m);
}

int kc_membership_subscribe(struct kc_membership *m, const char *const *names, size_t n,
                            const char *regex, struct kb_error *err)
{
    if (!kc_member_subscribe(&m->member, now_of(m), names, n, regex))
        return kb_error_set(err, KB_E_NO_MEMORY, "no memory for the subscription");
    look_for_it(m);
    return 0;
}

void kc_membership_leave(struct kc_membership *m, enum kc_leave how, int64_t deadline_ms)
{
    m->leaving = true;
    kc_member_leave(&m->member, now_of(m), how, deadline_ms);
    soon(m);
}

void kc_membership_done(struct kc_membership *m)
{
    kc_member_done(&m->member, now_of(m));
    soon(m);
}

void kc_membership_placed(struct kc_membership *m, uint32_t number, const int32_t *owners,
                          const struct kb_error *why)
{
    kc_member_placed(&m->member, now_of(m), number, owners, why);
    soon(m);
}

void kc_membership_polled(struct kc_membership *m)
{
    kc_member_alive(&m->member, m->ops->alive_until_ms(m->owner, now_of(m)));
    kc_member_polled(&m->member, now_of(m));
    soon(m);
}

void kc_membership_identity(const struct kc_membership *m, struct kc_identity *out)
{
    const char *instance = m->client->options->consumer.group_instance_id;
    *out = (struct kc_identity){.group = group_of(m),
                                .member = m->member.member_id,
                                .instance = kc_member_is_static(&m->member) ? instance : NULL,
                                .generation = m->member.generation,
                                .by_epoch = m->member.kind != &kc_member_classic};
    if (out->generation < 0)
        out->member = "";
}

int32_t kc_membership_coordinator(struct kc_membership *m, struct kb_error *err)
{
    if (m->finder.node >= 0)
        return m->finder.node;
    *err = m->finder.err;
    if (!err->code)
        kb_error_set(err, KB_E_COORDINATOR_NOT_AVAILABLE,
                     "group %s: its coordinator is not known yet", group_of(m));
    look_for_it(m);
    return -1;
}

/* Whatever is parked there waits for nobody. */
static void coordinator_left(struct kc_membership *m, int code)
{
    struct kb_error why;
    kb_error_set(&why, code, "group %s: %s", group_of(m), kb_code_text(code));
    if (m->flight && !m->request.aside) {
        abandon(m);
        kc_member_failure(&m->member, now_of(m), &why);
    }
    kc_finder_lost(&m->finder);
}

void kc_membership_heard(struct kc_membership *m, int32_t generation, int code)
{
    if (code == KB_E_NOT_COORDINATOR || code == KB_E_COORDINATOR_NOT_AVAILABLE)
        coordinator_left(m, code);
    else
        kc_member_heard(&m->member, now_of(m), generation, code);
    soon(m);
}

void kc_membership_topic(struct kc_membership *m, struct kc_topic *topic)
{
    (void)topic;
    m->metadata_new = true;
    soon(m);
}

enum kc_standing kc_membership_standing(const struct kc_membership *m)
{
    return kc_member_standing(&m->member);
}

int kc_membership_ready(const struct kc_membership *m, struct kb_error *err)
{
    const struct kc_member *member = &m->member;
    const struct kb_error *cause = member->trouble.code ? &member->trouble : &m->finder.err;
    switch (kc_member_standing(member)) {
    case KC_STANDING_OUT:
    case KC_STANDING_IN:
        return 0;
    case KC_STANDING_FAILED:
        *err = member->err;
        return err->code;
    default:
        return kb_error_set(err, KB_E_TIMED_OUT, "group %s: %s%s%s", group_of(m), member->doing,
                            cause->code ? ": " : "", cause->code ? cause->text : "");
    }
}

/* ---- Life ------------------------------------------------------------------------------*/

static void offer_own(struct kc_membership *m, const struct kc_own_assignors *own)
{
    struct kc_assignors *all = &m->assignors;
    _Static_assert(KC_ASSIGNORS_MAX >= KC_OWN_ASSIGNORS_MAX + 4, "room for all that there are");
    memmove(&all->list[own->count], all->list, all->count * sizeof *all->list);
    for (size_t i = 0; i < own->count; i++)
        all->list[i] = &own->list[i].base;
    all->count += own->count;
}

struct kc_membership *kc_membership_new(struct kurier_client *client,
                                        const struct kc_membership_ops *ops,
                                        const struct kc_own_assignors *own,
                                        struct kurier_consumer *owner, struct kb_error *err)
{
    const struct kc_options *options = client->options;
    struct kb_random *random = &client->runtime->random;
    struct kc_membership *m = KB_NEW(struct kc_membership);
    if (!m) {
        kb_error_set(err, KB_E_NO_MEMORY, "no memory for a membership");
        return NULL;
    }
    m->client = client;
    m->ops = ops;
    m->owner = owner;
    m->generation = -1;
    kn_timer_init(&m->timer, on_timer);
    kn_task_init(&m->turn, on_turn);
    kb_arena_init(&m->request_arena, ARENA_BYTES);
    kb_arena_init(&m->answer_arena, ARENA_BYTES);
    kc_finder_init(&m->finder, KC_FIND_GROUP, options->consumer.group_id,
                   options->common.retry_backoff_ms, options->common.retry_backoff_max_ms, random);
    int code = kc_group_options(&options->consumer, &m->assignors, err);
    offer_own(m, own);
    if (!kc_member_init(&m->member, kc_member_kind_of(options), options, &client->metadata,
                        m->assignors.list, m->assignors.count, random) &&
        !code)
        code = kb_error_set(err, KB_E_NO_MEMORY, "no memory for a membership");
    if (code) {
        kc_membership_free(m);
        return NULL;
    }
    return m;
}

void kc_membership_free(struct kc_membership *m)
{
    if (!m)
        return;
    kc_ask_cancel(&m->find);
    kc_ask_cancel(&m->ask);
    kn_timer_cancel(kc_client_loop(m->client), &m->timer);
    kn_task_cancel(&m->turn);
    drop_link(m);
    let_go(m, m->topics, m->topic_count);
    kc_member_deinit(&m->member);
    kc_finder_deinit(&m->finder);
    kb_arena_deinit(&m->request_arena);
    kb_arena_deinit(&m->answer_arena);
    kb_free(m);
}
