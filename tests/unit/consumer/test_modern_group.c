/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a KIP-848 group against a small model of its coordinator, over
 * connections that break, with applications that take their time, sessions that end
 * and a coordinator that moves. Whatever happens, a member that the coordinator
 * counts in holds nothing but what the coordinator thinks it does; and once the
 * faults end, every partition is held by exactly one.
 */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/check.h"
#include "libclient/core/group/member.h"
#include "libclient/core/group/member_request.h"

#include <stdio.h>

enum {
    MEMBERS = 5,
    PARTITIONS = 24, /* of one topic that is known, and of one that has to be asked for */
    PER_TOPIC = PARTITIONS / 2,
    INTERVAL_MS = 5000,
    SESSION_MS = 45000,
    REVOKE_MS = 300000,
    STEPS = 1500,
    SEEDS = 150,
    STEP_MS = 500,
    WIRE = 8
};

static const struct kb_uuid topics[2] = {{{1}}, {{2}}};
static const char *const names[2] = {"known", "asked-for"};

/* A request on its way, and its answer. */
struct message {
    uint64_t flight;
    int16_t api, error;
    bool answered, says_owned, all;
    char id[32];
    int32_t epoch;
    uint32_t owned;
    bool assigns;
    uint32_t assigned;
};

struct seat {
    char id[32]; /* "": nobody's */
    int32_t epoch, before;
    uint32_t target, assigned, revoking;
    int64_t heard_ms, revoke_by_ms;
};

struct client {
    struct kc_member member;
    struct message wire[WIRE]; /* a connection: what was sent first is first */
    int count;
    bool alive;
};

struct world {
    struct kb_random random;
    struct kb_time now;
    struct kb_arena arena;
    struct kc_options *options;
    struct kc_metadata metadata;
    struct client clients[MEMBERS];
    struct seat seats[MEMBERS];
    int32_t epoch;
    int64_t away_until_ms; /* the coordinator is elsewhere */
    bool faults;
    long fenced, lost, moved, revoked;
};

static bool chance(struct world *w, int one_in)
{
    return kb_random_below(&w->random, (uint64_t)one_in) == 0;
}

/* ---- The coordinator ---- */

static struct seat *seat_of(struct world *w, const char *id)
{
    for (int i = 0; i < MEMBERS; i++)
        if (*w->seats[i].id && !strcmp(w->seats[i].id, id))
            return &w->seats[i];
    return NULL;
}

static struct seat *seat_for(struct world *w, const char *id)
{
    struct seat *seat = seat_of(w, id);
    for (int i = 0; i < MEMBERS && !seat; i++)
        if (!*w->seats[i].id)
            seat = &w->seats[i];
    return seat;
}

/* Everybody as many as the others, each keeping what it had. */
static void aim(struct world *w)
{
    int count = 0, at = 0;
    uint32_t free = (1u << PARTITIONS) - 1;
    w->epoch++;
    for (int i = 0; i < MEMBERS; i++)
        count += *w->seats[i].id != 0;
    for (int i = 0; i < MEMBERS; i++) {
        struct seat *seat = &w->seats[i];
        if (!*seat->id)
            continue;
        int share = PARTITIONS / count + (at++ < PARTITIONS % count);
        uint32_t kept = 0;
        for (int p = 0; p < PARTITIONS && share; p++)
            if (seat->target & free & 1u << p) {
                kept |= 1u << p;
                share--;
            }
        seat->target = kept;
        free &= ~kept;
    }
    at = 0;
    for (int i = 0; i < MEMBERS; i++) {
        struct seat *seat = &w->seats[i];
        if (!*seat->id)
            continue;
        int share = PARTITIONS / count + (at++ < PARTITIONS % count);
        for (int p = 0; p < PARTITIONS && __builtin_popcount(seat->target) < share; p++)
            if (free & 1u << p) {
                seat->target |= 1u << p;
                free &= ~(1u << p);
            }
    }
}

static void unseat(struct world *w, struct seat *seat)
{
    *seat = (struct seat){0};
    aim(w);
}

static uint32_t taken_by_others(const struct world *w, const struct seat *seat)
{
    uint32_t taken = 0;
    for (int i = 0; i < MEMBERS; i++)
        if (&w->seats[i] != seat)
            taken |= w->seats[i].assigned | w->seats[i].revoking;
    return taken;
}

static void to_epoch(struct seat *seat, int32_t epoch)
{
    if (seat->epoch != epoch)
        seat->before = seat->epoch;
    seat->epoch = epoch;
}

static void reconcile(struct world *w, struct seat *seat, const struct message *m)
{
    if (seat->revoking) {
        if (!m->says_owned || m->owned & seat->revoking)
            return;
        seat->revoking = 0;
    }
    uint32_t revoke = seat->assigned & ~seat->target;
    seat->assigned &= seat->target;
    if (revoke && (!m->says_owned || m->owned & revoke)) {
        seat->revoking = revoke;
        seat->revoke_by_ms = w->now.mono_ms + REVOKE_MS;
        return;
    }
    seat->assigned |= seat->target & ~taken_by_others(w, seat);
    to_epoch(seat, w->epoch);
}

static void beat(struct world *w, struct message *m)
{
    struct seat *seat = m->epoch == 0 ? seat_for(w, m->id) : seat_of(w, m->id);
    if (!seat) {
        m->error = KB_E_UNKNOWN_MEMBER_ID;
        return;
    }
    bool before = m->epoch == seat->before && m->says_owned && !(m->owned & ~seat->assigned);
    if (m->epoch < 0) {
        unseat(w, seat);
        return;
    }
    if (m->epoch > 0 && m->epoch != seat->epoch && !before) {
        m->error = KB_E_FENCED_MEMBER_EPOCH;
        w->fenced++;
        return;
    }
    bool joins = !*seat->id;
    snprintf(seat->id, sizeof seat->id, "%s", m->id);
    if (joins)
        aim(w);
    uint32_t assigned = seat->assigned;
    seat->heard_ms = w->now.mono_ms;
    reconcile(w, seat, m);
    m->epoch = seat->epoch;
    m->assigns = m->all || seat->assigned != assigned;
    m->assigned = seat->assigned;
}

static void answer(struct world *w, struct message *m)
{
    m->answered = true;
    if (m->api == KW_API_METADATA)
        m->error = w->faults && chance(w, 2) ? KB_E_UNKNOWN_TOPIC_ID : 0;
    else if (w->now.mono_ms < w->away_until_ms)
        m->error = chance(w, 2) ? KB_E_NOT_COORDINATOR : KB_E_COORDINATOR_LOAD_IN_PROGRESS;
    else
        beat(w, m);
}

static void expire(struct world *w)
{
    for (int i = 0; i < MEMBERS; i++) {
        struct seat *seat = &w->seats[i];
        bool silent = w->now.mono_ms - seat->heard_ms >= SESSION_MS;
        if (*seat->id && (silent || (seat->revoking && w->now.mono_ms >= seat->revoke_by_ms)))
            unseat(w, seat);
    }
}

/* ---- The connections ---- */

static uint32_t bits_of(const struct kc_partitions *set)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < set->count; i++) {
        int topic = kb_uuid_equal(set->rows[i].id, topics[1]);
        assert_string_equal(set->rows[i].topic, names[topic]);
        bits |= 1u << (topic * PER_TOPIC + set->rows[i].partition);
    }
    return bits;
}

static struct message message_of(const struct kc_member *member,
                                 const struct kc_member_request *request)
{
    const struct kw_consumer_group_heartbeat_request *beat = &request->beat;
    struct message m = {.flight = member->flight, .api = request->api_key};
    if (m.api == KW_API_METADATA)
        return m;
    m.epoch = beat->member_epoch;
    m.says_owned = beat->topic_partitions != NULL;
    m.all = m.says_owned && beat->subscribed_topic_names && beat->rebalance_timeout_ms >= 0;
    snprintf(m.id, sizeof m.id, "%.*s", (int)beat->member_id.size,
             (const char *)beat->member_id.data);
    for (int32_t t = 0; t < (m.says_owned ? beat->topic_partitions_count : 0); t++)
        for (int32_t i = 0; i < beat->topic_partitions[t].partitions_count; i++)
            m.owned |=
                1u << (kb_uuid_equal(beat->topic_partitions[t].topic_id, topics[1]) * PER_TOPIC +
                       beat->topic_partitions[t].partitions[i]);
    assert_false(m.epoch == 0 && m.owned);
    assert_false(m.epoch == 0 && !m.all);
    return m;
}

static void say(struct world *w, struct client *client)
{
    struct kc_member_request request;
    kb_arena_reset(&w->arena);
    if (client->count < WIRE && kc_member_plan(&client->member, w->now, &w->arena, &request))
        client->wire[client->count++] = message_of(&client->member, &request);
}

static void hear_beat(struct world *w, struct client *client, const struct message *m)
{
    struct kc_member_response response = {.api_key = m->api};
    struct kw_consumer_group_heartbeat_response_topic rows[3] = {{{{0}}, NULL, 0}};
    struct kw_consumer_group_heartbeat_response_assignment assignment = {rows, 0};
    int32_t partitions[PARTITIONS];
    kw_consumer_group_heartbeat_response_init(&response.beat);
    response.beat.error_code = m->error;
    response.beat.member_epoch = m->epoch;
    response.beat.heartbeat_interval_ms = INTERVAL_MS;
    response.beat.assignment = m->assigns ? &assignment : NULL;
    for (int t = 0; t < 2; t++) {
        struct kw_consumer_group_heartbeat_response_topic *row =
            &rows[assignment.topic_partitions_count];
        *row = (struct kw_consumer_group_heartbeat_response_topic){
            .topic_id = topics[t], .partitions = &partitions[t * PER_TOPIC]};
        for (int p = 0; p < PER_TOPIC; p++)
            if (m->assigned & 1u << (t * PER_TOPIC + p))
                row->partitions[row->partitions_count++] = p;
        assignment.topic_partitions_count += row->partitions_count > 0;
    }
    kc_member_answer(&client->member, w->now, &response);
}

static void hear_names(struct world *w, struct client *client, const struct message *m)
{
    struct kc_member_response response = {.api_key = KW_API_METADATA};
    struct kw_metadata_response_topic topic = {.error_code = m->error, .topic_id = topics[1]};
    topic.name = m->error ? kb_slice_null() : kb_slice_str(names[1]);
    kw_metadata_response_init(&response.metadata);
    response.metadata.topics = &topic;
    response.metadata.topics_count = 1;
    kc_member_answer(&client->member, w->now, &response);
}

static void hear(struct world *w, struct client *client)
{
    struct message m = client->wire[0];
    memmove(client->wire, client->wire + 1, (size_t)--client->count * sizeof m);
    if (m.flight != client->member.flight)
        return; /* abandoned */
    if (m.api == KW_API_METADATA)
        hear_names(w, client, &m);
    else
        hear_beat(w, client, &m);
    if (m.error == KB_E_NOT_COORDINATOR)
        w->moved++;
}

/* Some of what was sent still gets there; no answer comes back. */
static void cut(struct world *w, struct client *client)
{
    struct kb_error err;
    kb_error_set(&err, KB_E_TRANSPORT, "the connection ended");
    for (int i = 0; i < client->count && !chance(w, 2); i++)
        if (!client->wire[i].answered)
            answer(w, &client->wire[i]);
    client->count = 0;
    kc_member_failure(&client->member, w->now, &err);
}

/* The first that is not answered is; or the first answer is heard. */
static void carry(struct world *w, struct client *client)
{
    for (int i = 0; i < client->count; i++)
        if (!client->wire[i].answered) {
            answer(w, &client->wire[i]);
            return;
        }
    if (client->count)
        hear(w, client);
}

/* ---- What must hold ---- */

static void check(const struct world *w)
{
    for (int i = 0; i < MEMBERS; i++) {
        const struct kc_member *member = &w->clients[i].member;
        const struct seat *seat = seat_of((struct world *)w, member->member_id);
        if (!seat || member->generation <= 0 ||
            (member->generation != seat->epoch && member->generation != seat->before))
            continue;
        uint32_t holds = bits_of(&member->owned);
        if (member->change != KC_CHANGE_LOSE && holds & ~(seat->assigned | seat->revoking))
            fail_msg("member %d at epoch %d holds %x, its seat at %d is assigned %x, revokes %x", i,
                     member->generation, holds, seat->epoch, seat->assigned, seat->revoking);
    }
}

static bool is_settled(struct world *w)
{
    uint32_t all = 0;
    for (int i = 0; i < MEMBERS; i++) {
        const struct kc_member *member = &w->clients[i].member;
        uint32_t holds = bits_of(&member->owned);
        if (kc_member_standing(member) != KC_STANDING_IN || holds & all)
            return false;
        all |= holds;
    }
    return all == (1u << PARTITIONS) - 1;
}

/* ---- What happens ---- */

static void attend(struct world *w, struct client *client)
{
    enum kc_change change = client->member.change;
    if (change == KC_CHANGE_NONE || (w->faults && !chance(w, 4)))
        return;
    w->lost += change == KC_CHANGE_LOSE;
    w->revoked += change == KC_CHANGE_REVOKE;
    kc_member_done(&client->member, w->now);
}

static void join(struct world *w, struct client *client)
{
    assert_true(kc_member_subscribe(&client->member, w->now, names, 2, NULL));
}

static void misfortune(struct world *w, struct client *client)
{
    if (chance(w, 25))
        cut(w, client);
    if (chance(w, 150))
        client->alive = !client->alive;
    if (chance(w, 200))
        kc_member_leave(&client->member, w->now, KC_LEAVE_DEFAULT, w->now.mono_ms + 5000);
    else if (!client->member.subscribed && chance(w, 20))
        join(w, client);
    if (chance(w, 400) && seat_of(w, client->member.member_id))
        unseat(w, seat_of(w, client->member.member_id));
    if (chance(w, 1000))
        w->away_until_ms = w->now.mono_ms + (int64_t)kb_random_below(&w->random, 2 * SESSION_MS);
    if (chance(w, 30))
        kc_member_heard(&client->member, w->now, client->member.generation,
                        KB_E_STALE_MEMBER_EPOCH);
}

static void live(struct world *w, struct client *client)
{
    struct kc_member *member = &client->member;
    if (client->alive) {
        kc_member_alive(member, w->now.mono_ms + 20000);
        kc_member_polled(member, w->now);
    }
    if (member->wants_coordinator && !(w->faults && chance(w, 2)))
        kc_member_coordinator(member, w->now, true);
    kc_member_tick(member, w->now);
    check(w);
    say(w, client);
    carry(w, client);
    check(w);
    if (!(w->faults && chance(w, 2)))
        carry(w, client);
    check(w);
    attend(w, client);
    say(w, client);
    check(w);
}

static void step(struct world *w)
{
    w->now.mono_ms += (int64_t)kb_random_below(&w->random, STEP_MS);
    if (w->faults && chance(w, 100))
        w->now.mono_ms += (int64_t)kb_random_below(&w->random, SESSION_MS);
    for (int i = 0; i < MEMBERS; i++) {
        if (w->faults)
            misfortune(w, &w->clients[i]);
        live(w, &w->clients[i]);
    }
    if (w->now.mono_ms >= w->away_until_ms)
        expire(w);
}

static void recover(struct world *w)
{
    w->faults = false;
    w->away_until_ms = 0;
    for (int i = 0; i < MEMBERS; i++) {
        w->clients[i].alive = true;
        if (!w->clients[i].member.subscribed)
            join(w, &w->clients[i]);
    }
}

/* ---- Worlds ---- */

/* One of the two topics is known. */
static void make_metadata(struct world *w, const struct kc_bootstrap *bootstrap)
{
    static const struct kc_metadata_options options = {
        .max_age_ms = 300000, .retry_backoff_ms = 100, .retry_backoff_max_ms = 1000};
    struct kw_metadata_response_broker broker = {.node_id = 1, .host = kb_slice_str("h")};
    struct kw_metadata_response_partition partition = {0};
    struct kw_metadata_response_topic topic = {.name = kb_slice_str(names[0]),
                                               .topic_id = topics[0],
                                               .partitions = &partition,
                                               .partitions_count = 1};
    struct kw_metadata_response response;
    struct kw_metadata_request request;
    struct kc_target target;
    kc_metadata_init(&w->metadata, &options, bootstrap, &w->random);
    kc_metadata_want(&w->metadata, names[0]);
    assert_true(kc_metadata_query(&w->metadata, w->now, &w->arena, &request, &target));
    kw_metadata_response_init(&response);
    response.brokers = &broker;
    response.brokers_count = 1;
    response.topics = &topic;
    response.topics_count = 1;
    kc_metadata_answer(&w->metadata, w->now, &response);
}

static void run(struct world *w, uint64_t seed)
{
    static struct kc_address address = {.host = "h", .port = 1};
    static const struct kc_bootstrap bootstrap = {.addresses = &address, .count = 1};
    kb_random_seed(&w->random, seed);
    w->now = (struct kb_time){1000, 1000};
    w->epoch = 0;
    w->faults = true;
    w->away_until_ms = 0;
    memset(w->seats, 0, sizeof w->seats);
    make_metadata(w, &bootstrap);
    for (int i = 0; i < MEMBERS; i++) {
        w->clients[i] = (struct client){.alive = true};
        assert_true(kc_member_init(&w->clients[i].member, &kc_member_consumer, w->options,
                                   &w->metadata, NULL, 0, &w->random));
        join(w, &w->clients[i]);
    }
    for (int i = 0; i < STEPS; i++)
        step(w);
    recover(w);
    int left = 1000;
    while (!is_settled(w) && --left)
        step(w);
    if (!left)
        fail_msg("seed %llu does not settle", (unsigned long long)seed);
    for (int i = 0; i < MEMBERS; i++)
        kc_member_deinit(&w->clients[i].member);
    kc_metadata_deinit(&w->metadata);
}

static void no_two_hold_a_partition_and_all_settles(void **state)
{
    struct world w = {0};
    (void)state;
    kb_arena_init(&w.arena, 1 << 20);
    w.options = kc_options_new();
    assert_int_equal(kc_options_set(w.options, "group.id", "g", NULL), 0);
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(&w, seed);
    print_message("fenced %ld, lost %ld, moved %ld, revoked %ld\n", w.fenced, w.lost, w.moved,
                  w.revoked);
    assert_true(w.fenced > 0 && w.lost > 0 && w.moved > 0 && w.revoked > 0);
    kc_options_free(w.options);
    kb_arena_deinit(&w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_hold_a_partition_and_all_settles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
