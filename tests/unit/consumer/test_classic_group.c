/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a classic group against a small model of its coordinator, over
 * connections that break, with applications that take their time, processes that
 * stand still, sessions that end and a coordinator that moves. Whatever happens, no
 * two members that run hold a partition at the same time; and once the faults end,
 * every partition is held by exactly one.
 */
#include "tests/unit/consumer/member_rig.h"

#include "wire/api.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMBERS = 5,
    PARTITIONS = 24,
    SESSION_MS = 45000,
    ROUND_MS = 300000,
    STEP_MS = 500,
    STEPS = 1200,
    CALM_STEPS = 2000,
    SEEDS = 500,
    BYTES = 600,
    IDS = 4096,
    WIRE = 8
};

static const struct rig_topic topics[] = {{"long", PARTITIONS - 7}, {"short", 7}, {NULL, 0}};
static const char *const names[] = {"long", "short"};

struct bytes {
    uint8_t data[BYTES];
    size_t size;
};

struct entry { /* of a round's members, or of its assignments */
    int id;
    struct bytes bytes;
};

/* A request, and its answer, on their way. */
struct message {
    uint64_t flight;
    int16_t api, error;
    enum { SENT, PARKED, ANSWERED } state;
    int id; /* 0: none yet */
    int32_t generation;
    struct bytes bytes; /* the subscription, or the assignment */
    int leader;
    struct entry list[MEMBERS];
    int count;
};

struct client {
    struct rig rig;
    struct message wire[WIRE];
    int count;
    bool runs;
    bool is_cut; /* and it has not heard of it */
    bool robbed; /* the coordinator dropped it for no reason: it cannot know yet */
};

struct seat {
    int id; /* 0: nobody's */
    bool joined;
    int64_t session_by_ms;
    struct bytes subscription, assignment;
};

enum state { EMPTY, PREPARING, COMPLETING, STABLE };

struct world {
    struct kb_random random;
    struct kb_time now;
    struct client clients[MEMBERS];
    struct seat seats[MEMBERS];
    enum state state;
    int32_t generation;
    int leader;
    int64_t round_by_ms, away_until_ms;
    int ids; /* given */
    enum { UNKNOWN, NAMED, SEATED, GONE } known[IDS];
    bool faults;
    long lost, revoked, rounds, moved;
};

static bool chance(struct world *w, int one_in)
{
    return kb_random_below(&w->random, (uint64_t)one_in) == 0;
}

static struct bytes bytes_of(struct kb_slice from)
{
    struct bytes bytes = {.size = from.size};
    assert_true(from.size <= BYTES);
    memcpy(bytes.data, from.data, from.size);
    return bytes;
}

static bool bytes_equal(const struct bytes *a, const struct bytes *b)
{
    return a->size == b->size && !memcmp(a->data, b->data, a->size);
}

/* ---- The coordinator --------------------------------------------------------------*/

static struct seat *seat_of(struct world *w, int id)
{
    for (int i = 0; i < MEMBERS; i++)
        if (id && w->seats[i].id == id)
            return &w->seats[i];
    return NULL;
}

/* NULL: the group is full of members that are gone and not known to be. */
static struct seat *new_seat(struct world *w, int id)
{
    for (int i = 0; i < MEMBERS; i++)
        if (!w->seats[i].id) {
            w->seats[i] = (struct seat){.id = id};
            w->known[id] = SEATED;
            return &w->seats[i];
        }
    return NULL;
}

static void begin_round(struct world *w)
{
    if (w->state == PREPARING)
        return;
    w->state = PREPARING;
    w->round_by_ms = w->now.mono_ms + ROUND_MS;
    for (int i = 0; i < MEMBERS; i++)
        w->seats[i].joined = false;
    for (int c = 0; c < MEMBERS; c++)
        for (int i = 0; i < w->clients[c].count; i++) {
            struct message *m = &w->clients[c].wire[i];
            if (m->state == PARKED && m->api == KW_API_SYNC_GROUP) {
                m->state = ANSWERED;
                m->error = KB_E_REBALANCE_IN_PROGRESS;
            }
        }
}

static void unseat(struct world *w, struct seat *seat)
{
    w->known[seat->id] = GONE;
    if (w->leader == seat->id)
        w->leader = 0;
    *seat = (struct seat){0};
    begin_round(w);
}

static void answer_joined(struct world *w, struct message *m)
{
    m->state = ANSWERED;
    m->generation = w->generation;
    m->leader = w->leader;
    m->count = 0;
    for (int i = 0; i < MEMBERS && m->id == w->leader; i++)
        if (w->seats[i].id)
            m->list[m->count++] = (struct entry){w->seats[i].id, w->seats[i].subscription};
}

static void answer_parked(struct world *w, int16_t api)
{
    for (int c = 0; c < MEMBERS; c++)
        for (int i = 0; i < w->clients[c].count; i++) {
            struct message *m = &w->clients[c].wire[i];
            struct seat *seat = seat_of(w, m->id);
            if (m->state != PARKED || m->api != api)
                continue;
            m->state = ANSWERED;
            if (seat)
                seat->session_by_ms = w->now.mono_ms + SESSION_MS;
            if (!seat)
                m->error = KB_E_UNKNOWN_MEMBER_ID;
            else if (api == KW_API_JOIN_GROUP)
                answer_joined(w, m);
            else
                m->bytes = seat->assignment;
        }
}

static void complete_round(struct world *w)
{
    bool any = false, all = true;
    for (int i = 0; i < MEMBERS; i++) {
        any |= w->seats[i].id != 0;
        all &= !w->seats[i].id || w->seats[i].joined;
    }
    bool away = w->now.mono_ms < w->away_until_ms;
    if (away || w->state != PREPARING || (!all && w->now.mono_ms < w->round_by_ms))
        return;
    for (int i = 0; i < MEMBERS; i++) {
        struct seat *seat = &w->seats[i];
        if (seat->id && !seat->joined)
            unseat(w, seat);
        else if (seat->id && !seat_of(w, w->leader))
            w->leader = seat->id;
        seat->session_by_ms = w->now.mono_ms + SESSION_MS;
        seat->assignment.size = 0;
    }
    w->generation++;
    w->rounds++;
    w->state = any ? COMPLETING : EMPTY;
    answer_parked(w, KW_API_JOIN_GROUP);
}

static void join(struct world *w, struct message *m)
{
    struct seat *seat = seat_of(w, m->id);
    m->state = ANSWERED;
    if (!m->id) {
        m->id = ++w->ids;
        assert_true(m->id < IDS);
        w->known[m->id] = NAMED;
        m->error = KB_E_MEMBER_ID_REQUIRED;
        return;
    }
    if (!seat && w->known[m->id] == NAMED)
        seat = new_seat(w, m->id);
    if (!seat) {
        m->error = KB_E_UNKNOWN_MEMBER_ID;
        return;
    }
    bool same = bytes_equal(&seat->subscription, &m->bytes);
    seat->subscription = m->bytes;
    seat->session_by_ms = w->now.mono_ms + SESSION_MS;
    if (same && (w->state == COMPLETING || (w->state == STABLE && m->id != w->leader))) {
        answer_joined(w, m);
        return;
    }
    begin_round(w);
    seat->joined = true;
    m->state = PARKED;
}

static int16_t standing(const struct world *w, const struct seat *seat, const struct message *m)
{
    return !seat                            ? KB_E_UNKNOWN_MEMBER_ID
           : m->generation != w->generation ? KB_E_ILLEGAL_GENERATION
           : w->state == PREPARING          ? KB_E_REBALANCE_IN_PROGRESS
                                            : 0;
}

static void sync_group(struct world *w, struct message *m)
{
    struct seat *seat = seat_of(w, m->id);
    m->state = ANSWERED;
    m->error = standing(w, seat, m);
    if (m->error)
        return;
    seat->session_by_ms = w->now.mono_ms + SESSION_MS;
    if (w->state == STABLE) {
        m->bytes = seat->assignment;
        return;
    }
    m->state = PARKED;
    if (m->id != w->leader)
        return;
    for (int i = 0; i < m->count; i++)
        if (seat_of(w, m->list[i].id))
            seat_of(w, m->list[i].id)->assignment = m->list[i].bytes;
    w->state = STABLE;
    answer_parked(w, KW_API_SYNC_GROUP);
}

static void arrive(struct world *w, struct message *m)
{
    struct seat *seat = seat_of(w, m->id);
    m->state = ANSWERED;
    if (w->now.mono_ms < w->away_until_ms) {
        m->error = chance(w, 2) ? KB_E_NOT_COORDINATOR : KB_E_COORDINATOR_LOAD_IN_PROGRESS;
        w->moved++;
    } else if (m->api == KW_API_JOIN_GROUP) {
        join(w, m);
    } else if (m->api == KW_API_SYNC_GROUP) {
        sync_group(w, m);
    } else if (m->api == KW_API_LEAVE_GROUP) {
        m->error = seat ? 0 : KB_E_UNKNOWN_MEMBER_ID;
        if (seat)
            unseat(w, seat);
    } else {
        m->error = standing(w, seat, m);
        if (!m->error || m->error == KB_E_REBALANCE_IN_PROGRESS)
            seat->session_by_ms = w->now.mono_ms + SESSION_MS;
    }
    complete_round(w);
}

static bool is_parked(const struct world *w, int id)
{
    for (int c = 0; c < MEMBERS; c++)
        for (int i = 0; i < w->clients[c].count; i++)
            if (w->clients[c].wire[i].id == id && w->clients[c].wire[i].state == PARKED)
                return true;
    return false;
}

/* It goes: what is parked is refused. The next one loads what there was, and gives
 * everybody a new session. */
static void move_away(struct world *w, int64_t ms)
{
    w->away_until_ms = w->now.mono_ms + ms;
    for (int c = 0; c < MEMBERS; c++)
        for (int i = 0; i < w->clients[c].count; i++)
            if (w->clients[c].wire[i].state == PARKED) {
                w->clients[c].wire[i].state = ANSWERED;
                w->clients[c].wire[i].error = KB_E_NOT_COORDINATOR;
            }
    for (int i = 0; i < MEMBERS; i++) {
        w->seats[i].joined = false;
        w->seats[i].session_by_ms = w->away_until_ms + SESSION_MS;
    }
    w->round_by_ms = w->away_until_ms + ROUND_MS;
}

static void expire(struct world *w)
{
    if (w->now.mono_ms < w->away_until_ms)
        return;
    for (int i = 0; i < MEMBERS; i++) {
        struct seat *seat = &w->seats[i];
        if (seat->id && w->now.mono_ms >= seat->session_by_ms && !is_parked(w, seat->id))
            unseat(w, seat);
    }
    complete_round(w);
}

/* ---- The connections ----------------------------------------------------------------*/

static int number(struct kb_slice id)
{
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)id.size, (const char *)id.data);
    return *text ? atoi(text) : 0;
}

static struct message message_of(const struct rig *rig)
{
    const struct kc_member_request *request = &rig->request;
    struct message m = {.flight = rig->member.flight, .api = request->api_key};
    m.id = number(kb_slice_str(rig->member.member_id));
    m.generation = rig->member.generation;
    if (m.api == KW_API_JOIN_GROUP)
        m.bytes = bytes_of(request->join.protocols[0].metadata);
    for (int32_t i = 0; m.api == KW_API_SYNC_GROUP && i < request->sync.assignments_count; i++)
        m.list[m.count++] = (struct entry){number(request->sync.assignments[i].member_id),
                                           bytes_of(request->sync.assignments[i].assignment)};
    return m;
}

static void say(struct client *client)
{
    if (client->count < WIRE && rig_plan(&client->rig) >= 0)
        client->wire[client->count++] = message_of(&client->rig);
}

static struct kb_slice id_text(struct kb_arena *arena, int id)
{
    char *text = kb_arena_alloc(arena, 16);
    snprintf(text, 16, "%d", id);
    return kb_slice_str(id ? text : "");
}

static void hear_joined(struct client *client, const struct message *m, struct kb_arena *arena)
{
    struct kc_member_response r = {.api_key = m->api};
    struct kw_join_group_response_member members[MEMBERS];
    kw_join_group_response_init(&r.join);
    r.join.error_code = m->error;
    r.join.member_id = id_text(arena, m->id);
    r.join.generation_id = m->generation;
    r.join.leader = id_text(arena, m->leader);
    r.join.protocol_name = kb_slice_str(client->rig.member.assignors[0]->name);
    r.join.members = members;
    r.join.members_count = m->count;
    for (int i = 0; i < m->count; i++) {
        kw_join_group_response_member_init(&members[i]);
        members[i].member_id = id_text(arena, m->list[i].id);
        members[i].metadata = kb_slice_of(m->list[i].bytes.data, m->list[i].bytes.size);
    }
    rig_answer(&client->rig, &r);
}

static void hear(struct client *client, const struct message *m)
{
    struct kc_member_response r = {.api_key = m->api};
    struct kb_arena arena;
    if (m->flight != client->rig.member.flight)
        return; /* abandoned */
    kb_arena_init(&arena, 1 << 20);
    if (m->api == KW_API_JOIN_GROUP) {
        hear_joined(client, m, &arena);
    } else {
        if (m->api == KW_API_SYNC_GROUP) {
            kw_sync_group_response_init(&r.sync);
            r.sync.error_code = m->error;
            r.sync.assignment = kb_slice_of(m->bytes.data, m->bytes.size);
        } else if (m->api == KW_API_HEARTBEAT) {
            r.heartbeat.error_code = m->error;
        } else {
            kw_leave_group_response_init(&r.leave);
            r.leave.error_code = m->error;
        }
        rig_answer(&client->rig, &r);
    }
    if (m->error == KB_E_UNKNOWN_MEMBER_ID)
        client->robbed = false;
    kb_arena_deinit(&arena);
}

static void remove_at(struct client *client, int i)
{
    client->count--;
    memmove(&client->wire[i], &client->wire[i + 1],
            (size_t)(client->count - i) * sizeof *client->wire);
}

static void carry(struct world *w, struct client *client)
{
    for (int i = 0; i < client->count; i++) {
        struct message m = client->wire[i];
        if (w->faults && chance(w, 2))
            continue;
        if (m.state == SENT) {
            arrive(w, &client->wire[i]);
        } else if (m.state == ANSWERED && client->runs) {
            remove_at(client, i--);
            hear(client, &m);
        }
    }
}

static void hear_of_cut(struct client *client)
{
    struct kb_error err;
    kb_error_set(&err, KB_E_TRANSPORT, "the connection ended");
    if (client->is_cut)
        kc_member_failure(&client->rig.member, client->rig.now, &err);
    client->is_cut = false;
}

/* Some of what was sent still gets there; no answer comes back. */
static void cut(struct world *w, struct client *client)
{
    while (client->count) {
        if (client->wire[0].state == SENT && chance(w, 2))
            arrive(w, &client->wire[0]);
        remove_at(client, 0);
    }
    client->is_cut = true;
    if (client->runs)
        hear_of_cut(client);
}

/* ---- What must hold ------------------------------------------------------------------*/

static uint32_t holds(const struct client *client)
{
    const struct kc_partitions *owned = &client->rig.member.owned;
    uint32_t bits = 0;
    for (size_t i = 0; i < owned->count; i++)
        bits |= 1u << (owned->rows[i].partition +
                       (strcmp(owned->rows[i].topic, "long") ? PARTITIONS - 7 : 0));
    return bits;
}

static void check(const struct world *w, uint64_t seed, int step)
{
    for (int i = 0; i < MEMBERS; i++)
        for (int j = i + 1; j < MEMBERS; j++) {
            const struct client *a = &w->clients[i], *b = &w->clients[j];
            uint32_t both = holds(a) & holds(b);
            bool live = a->runs && b->runs && !a->robbed && !b->robbed;
            bool one = a->rig.member.generation == b->rig.member.generation;
            if (both && (live || one))
                fail_msg("seed %lu step %d: members %d (id %s, generation %d, %s) and %d (id %s, "
                         "generation %d, %s) both hold %x",
                         (unsigned long)seed, step, i, a->rig.member.member_id,
                         a->rig.member.generation, a->rig.member.doing, j, b->rig.member.member_id,
                         b->rig.member.generation, b->rig.member.doing, both);
        }
}

static bool is_settled(const struct world *w)
{
    uint32_t all = 0;
    for (int i = 0; i < MEMBERS; i++) {
        if (kc_member_standing(&w->clients[i].rig.member) != KC_STANDING_IN)
            return false;
        all |= holds(&w->clients[i]);
    }
    return all == (1u << PARTITIONS) - 1;
}

/* ---- What happens ----------------------------------------------------------------------*/

static void attend(struct world *w, struct client *client)
{
    struct kc_member *member = &client->rig.member;
    if (member->change == KC_CHANGE_NONE || (w->faults && !chance(w, 4)))
        return;
    w->lost += member->change == KC_CHANGE_LOSE;
    w->revoked += member->change == KC_CHANGE_REVOKE;
    kc_member_done(member, w->now);
}

static void come(struct world *w, struct client *client)
{
    size_t n = w->faults ? 1 + kb_random_below(&w->random, 2) : 2;
    assert_true(kc_member_subscribe(&client->rig.member, w->now, names, n, NULL));
}

static void wake(struct world *w, struct client *client)
{
    client->runs = true;
    client->rig.now = w->now;
    kc_member_tick(&client->rig.member, w->now);
    hear_of_cut(client);
}

static void misfortune(struct world *w, struct client *client)
{
    struct kc_member *member = &client->rig.member;
    struct seat *seat = seat_of(w, number(kb_slice_str(member->member_id)));
    if (chance(w, 30))
        cut(w, client);
    if (chance(w, 200) && client->runs)
        client->runs = false;
    else if (chance(w, 200))
        wake(w, client);
    if (client->runs && chance(w, 200))
        kc_member_leave(member, w->now, KC_LEAVE_DEFAULT, w->now.mono_ms + 5000);
    else if (client->runs && chance(w, member->subscribed ? 300 : 20))
        come(w, client);
    if (chance(w, 500) && seat) {
        client->robbed = true;
        unseat(w, seat);
    }
    if (chance(w, 1500))
        move_away(w, (int64_t)kb_random_below(&w->random, 2 * SESSION_MS));
}

static void live(struct world *w, struct client *client)
{
    struct kc_member *member = &client->rig.member;
    client->rig.now = w->now;
    kc_member_tick(member, w->now);
    if (member->generation < 0)
        client->robbed = false;
    if (!member->coordinator_known && (!w->faults || chance(w, 3)))
        kc_member_coordinator(member, w->now, true);
    if (!w->faults || chance(w, 3))
        rig_learn(&client->rig);
    attend(w, client);
    say(client);
}

static void turn(struct world *w, uint64_t seed, int step)
{
    w->now.mono_ms += STEP_MS;
    for (int i = 0; i < MEMBERS; i++)
        if (w->clients[i].runs)
            live(w, &w->clients[i]);
    for (int i = 0; i < MEMBERS; i++) {
        if (w->faults)
            misfortune(w, &w->clients[i]);
        carry(w, &w->clients[i]);
    }
    expire(w);
    check(w, seed, step);
}

static void run(uint64_t seed, long totals[4])
{
    static const char *const strategies[] = {"range", "cooperative-sticky", "sticky", "roundrobin"};
    static struct world world;
    struct world *w = &world;
    *w = (struct world){.now = {1000000, 1000000}, .faults = true};
    kb_random_seed(&w->random, seed);
    const char *const keys[] = {"partition.assignment.strategy", strategies[seed % 4], NULL};
    for (int i = 0; i < MEMBERS; i++) {
        struct client *client = &w->clients[i];
        client->runs = true;
        assert_true(
            rig_init(&client->rig, &kc_member_classic, keys, topics, seed * MEMBERS + (size_t)i));
        come(w, client);
    }
    for (int step = 0; step < STEPS; step++)
        turn(w, seed, step);
    w->faults = false;
    for (int i = 0; i < MEMBERS; i++) {
        wake(w, &w->clients[i]);
        come(w, &w->clients[i]);
    }
    int step = 0;
    for (; step < CALM_STEPS && !is_settled(w); step++)
        turn(w, seed, STEPS + step);
    if (step == CALM_STEPS)
        fail_msg("seed %lu: not settled", (unsigned long)seed);
    totals[0] += w->lost;
    totals[1] += w->revoked;
    totals[2] += w->rounds;
    totals[3] += w->moved;
    for (int i = 0; i < MEMBERS; i++)
        rig_deinit(&w->clients[i].rig);
}

static void no_partition_is_held_twice(void **state)
{
    long totals[4] = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, totals);
    print_message("# lost %ld, revoked %ld, rounds %ld, refused elsewhere %ld\n", totals[0],
                  totals[1], totals[2], totals[3]);
    for (int i = 0; i < 4; i++)
        assert_true(totals[i] > SEEDS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_partition_is_held_twice)};
    long totals[4] = {0};
    if (argc > 1) /* that seed alone */
        run((uint64_t)atol(argv[1]), totals);
    return argc > 1 ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
