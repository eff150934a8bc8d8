/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of the consumer protocol (KIP-848), and group.protocol=auto beside classic
 * members, against a real broker. */
#include "tests/system/group_kit.h"

#include <signal.h>

/* Of a group, by administration. */
static char type[16], assignor[16];
static int classic_members, modern_members;

static const char *const consumer_words[] = {
    "group.protocol", "consumer", "max.poll.records", "10", "client.id", "modern", NULL};
static const char *const classic_words[] = {
    "group.protocol", "classic", "heartbeat.interval.ms", "50", "max.poll.records", "10", NULL};
static const char *const auto_words[] = {"max.poll.records", "10", NULL};

static void done_with(kurier_consumer *c)
{
    kurier_error err;
    if (c && kurier_consumer_close(c, PATIENCE_MS, &err))
        printf("# close: %s\n", err.text);
    kurier_consumer_free(c);
}

static bool look_at(const char *group)
{
    kurier_error err;
    kurier_config *config = configure(NULL, NULL);
    kurier_client *client = kurier_client_new(NULL, config, &err);
    kurier_result *result =
        kurier_admin_run(client, kurier_admin_describe_groups(&group, 1), PATIENCE_MS, &err);
    const kurier_group_info *info = result ? kurier_result_group(result, 0) : NULL;
    bool known = info && !info->code;
    classic_members = modern_members = 0;
    snprintf(type, sizeof type, "%s", known ? info->type : "");
    snprintf(assignor, sizeof assignor, "%s", known && info->assignor ? info->assignor : "");
    for (uint32_t i = 0; known && i < info->member_count; i++) {
        classic_members += info->members[i].classic;
        modern_members += !info->members[i].classic;
    }
    kurier_result_free(result);
    kurier_client_free(client);
    kurier_config_free(config);
    return known;
}

static bool make_topic(const char *name, int32_t partitions)
{
    kurier_error err;
    kurier_config *config = configure(NULL, NULL);
    kurier_client *client = kurier_client_new(NULL, config, &err);
    kurier_new_topic topic = {.name = name, .partitions = partitions};
    kurier_result *result =
        kurier_admin_run(client, kurier_admin_create_topics(&topic, 1), PATIENCE_MS, &err);
    bool made = result && !kurier_result_topic(result, 0)->code;
    kurier_result_free(result);
    kurier_client_free(client);
    kurier_config_free(config);
    return made;
}

/* Until so many partitions are owned by it, or its time is over. */
static bool owns(kurier_consumer *c, size_t count, struct ledger *ledger)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (owned(c) != count && now_ms() < until)
        take(c, ledger, TURN_MS);
    return owned(c) == count;
}

static bool reads_all(kurier_consumer *c, struct ledger *ledger)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (ledger->read < RECORDS && now_ms() < until)
        take(c, ledger, TURN_MS);
    return ledger->read == RECORDS;
}

/* ---- One protocol --------------------------------------------------------------------*/

static int64_t first_record_ms(const char *group, const char *const *words)
{
    struct ledger ledger = {0};
    int64_t start = now_ms(), until = start + PATIENCE_MS;
    kurier_consumer *c = join(group, words, NULL);
    while (!ledger.read && now_ms() < until)
        take(c, &ledger, PATIENCE_MS);
    int64_t took = now_ms() - start;
    done_with(c);
    return took;
}

/* Three tries, since the machine may have others things to do. */
static void the_first_record_comes_soon(void)
{
    int64_t best[2] = {PATIENCE_MS, PATIENCE_MS};
    for (int i = 0; i < 6; i++) {
        char group[16];
        snprintf(group, sizeof group, "soon%d", i);
        int64_t ms = first_record_ms(group, i % 2 ? auto_words : consumer_words);
        best[i % 2] = ms < best[i % 2] ? ms : best[i % 2];
    }
    printf("# from join to first record: consumer %lld ms, auto %lld ms\n", (long long)best[0],
           (long long)best[1]);
    expect(best[0] < 100 && best[1] < 100, "100 ms after it was made, a member has records");
}

static void members_share(const char *group, const char *const *words, const char *what)
{
    struct ledger ledger = {0};
    kurier_consumer *a = join(group, words, NULL);
    while (!ledger.read && !ledger.code)
        take(a, &ledger, TURN_MS);
    kurier_consumer *b = join(group, words, NULL);
    bool ok = divided(a, b, &ledger) && look_at(group);
    ok = ok && !strcmp(type, "consumer") && modern_members == 2;
    done_with(a);
    ok = ok && reads_all(b, &ledger) && owns(b, PARTITIONS, &ledger);
    done_with(b);
    if (!expect(ok && ledger.most == 1, what))
        printf("# read %d, at most %d times, code %d, type %s, %d members\n", ledger.read,
               ledger.most, ledger.code, type, modern_members);
}

static void the_assignor_is_the_coordinators(void)
{
    static const char *const range[] = {"group.protocol", "consumer", "group.remote.assignor",
                                        "range", NULL};
    static const char *const unknown[] = {"group.protocol", "consumer", "group.remote.assignor",
                                          "nobodys", NULL};
    struct ledger ledger = {0};
    kurier_error err;
    kurier_consumer *c = join("ranged", range, NULL);
    bool ok = owns(c, PARTITIONS, &ledger) && look_at("ranged");
    expect(ok && !strcmp(assignor, "range"), "group.remote.assignor chooses the assignor");
    done_with(c);
    c = join("unknown", unknown, NULL);
    int64_t until = now_ms() + PATIENCE_MS;
    kurier_batch *batch;
    do
        kurier_consumer_poll(c, &batch, 1, TURN_MS, &err);
    while (!err.code && now_ms() < until);
    expect(err.code == KURIER_E_UNSUPPORTED_ASSIGNOR && strstr(err.text, "group unknown"),
           "one that the coordinator does not have is told by poll");
    kurier_consumer_poll(c, &batch, 1, TURN_MS, &err);
    expect(err.code == 0, "once");
    done_with(c);
}

/* ---- Static members --------------------------------------------------------------------*/

static int assigned_to_other;

static void on_assigned(void *ctx, kurier_consumer *c, const kurier_position *p, size_t n)
{
    (void)ctx, (void)c, (void)p;
    assigned_to_other += (int)n;
}

static void a_static_member_comes_back(void)
{
    static const char *const one[] = {"group.protocol", "consumer", "group.instance.id", "one",
                                      NULL};
    static const char *const two[] = {"group.protocol", "consumer", "group.instance.id", "two",
                                      NULL};
    const kurier_rebalance_listener listener = {.assigned = on_assigned};
    struct ledger ledger = {0};
    kurier_consumer *b = join("static", two, &listener);
    kurier_consumer *a = join("static", one, NULL);
    bool ok = divided(a, b, &ledger);
    int before = assigned_to_other;
    done_with(a);
    a = join("static", one, NULL);
    ok = ok && divided(a, b, &ledger);
    expect(ok && assigned_to_other == before, "a static member that restarts moves nothing");
    kurier_consumer *twin = join("static", one, NULL);
    kurier_error err;
    int code = 0;
    int64_t until = now_ms() + PATIENCE_MS;
    do
        code = kurier_client_ready(kurier_consumer_client(twin), TURN_MS, &err);
    while (code == KURIER_E_TIMED_OUT && !strstr(err.text, "instance") && now_ms() < until);
    if (!expect(code == KURIER_E_TIMED_OUT && strstr(err.text, "instance"),
                "a second one of that id waits, and says for what"))
        printf("# code %d: %s\n", code, err.text);
    done_with(a);
    expect(owns(twin, PARTITIONS / 2, &ledger), "until the first has gone");
    done_with(twin);
    done_with(b);
}

/* ---- Both protocols --------------------------------------------------------------------*/

static void auto_goes_by_the_group(void)
{
    struct ledger ledger = {0};
    kurier_consumer *a = join("running", classic_words, NULL);
    bool ok = owns(a, PARTITIONS, &ledger);
    kurier_consumer *b = join("running", auto_words, NULL);
    ok = ok && divided(a, b, &ledger) && look_at("running");
    expect(ok && !strcmp(type, "classic") && classic_members == 2,
           "auto leaves a running classic group classic");
    done_with(a);
    done_with(b);
    b = join("running", auto_words, NULL);
    ok = owns(b, PARTITIONS, &ledger) && look_at("running");
    expect(ok && !strcmp(type, "consumer") && modern_members == 1,
           "and turns to the new protocol once nobody is in it");
    done_with(b);
    static const char *const range[] = {"partition.assignment.strategy", "range", NULL};
    b = join("by-hand", range, NULL);
    ok = owns(b, PARTITIONS, &ledger) && look_at("by-hand");
    expect(ok && !strcmp(type, "classic"), "who names a strategy stays with the classic protocol");
    done_with(b);
}

static void a_group_is_converted(void)
{
    struct ledger ledger = {0};
    kurier_consumer *a = join("converted", classic_words, NULL);
    while (!ledger.read && !ledger.code)
        take(a, &ledger, TURN_MS);
    kurier_consumer *b = join("converted", consumer_words, NULL);
    bool ok = divided(a, b, &ledger) && look_at("converted");
    expect(ok && !strcmp(type, "consumer") && classic_members == 1 && modern_members == 1,
           "a member of the new protocol converts a classic group, whose members go on");
    done_with(b);
    ok = reads_all(a, &ledger) && owns(a, PARTITIONS, &ledger);
    if (!expect(ok && ledger.most == 1, "and every record is read once"))
        printf("# read %d, at most %d times, code %d\n", ledger.read, ledger.most, ledger.code);
    done_with(a);
}

/* ---- An assignor of one's own ---------------------------------------------------------------*/

struct own {
    int asked, failures;   /* it fails so often first */
    bool outside, polling; /* outside: asked when nobody polled */
};

/* All but partition 0 to the last member. */
static kurier_code lopsided(void *ctx, const kurier_group_view *view, kurier_placement *placement)
{
    struct own *own = ctx;
    own->asked++;
    own->outside |= !own->polling;
    if (own->failures-- > 0)
        return KURIER_E_STATE;
    for (size_t t = 0; t < view->topic_count; t++)
        for (int32_t p = 0; p < view->topics[t].partitions; p++)
            kurier_placement_give(placement, p ? view->member_count - 1 : 0, view->topics[t].name,
                                  p);
    return KURIER_OK;
}

static kurier_consumer *join_with(const char *group, struct own *own, bool cooperative)
{
    static const char *const topic = TOPIC;
    kurier_error err;
    kurier_config *config = configure(group, auto_words);
    kurier_config_set(config, "heartbeat.interval.ms", "50");
    kurier_config_add_assignor(config, "lopsided", cooperative, lopsided, own);
    kurier_consumer *c = kurier_consumer_new(NULL, config, &err);
    kurier_config_free(config);
    if (!c || kurier_consumer_subscribe(c, &topic, 1, &err))
        give_up("a consumer with an assignor", &err);
    return c;
}

static void take_with(kurier_consumer *c, struct own *own, struct ledger *ledger)
{
    own->polling = true;
    take(c, ledger, TURN_MS);
    own->polling = false;
}

static void our_own_assignor(const char *group, bool cooperative, const char *what)
{
    struct ledger ledger = {0};
    struct own own[2] = {{0}};
    int64_t until = now_ms() + PATIENCE_MS;
    kurier_consumer *a = join_with(group, &own[0], cooperative);
    kurier_consumer *b = join_with(group, &own[1], cooperative);
    while (owned(a) * owned(b) != 3 && now_ms() < until) {
        take_with(a, &own[0], &ledger);
        take_with(b, &own[1], &ledger);
    }
    bool ok = owned(a) * owned(b) == 3 && own[0].asked + own[1].asked > 0 && look_at(group) &&
              !strcmp(type, "classic") && !strcmp(assignor, "lopsided");
    if (!expect(ok && !own[0].outside && !own[1].outside && !ledger.code, what))
        printf("# owned %zu and %zu, asked %d, type %s, assignor %s, code %d\n", owned(a), owned(b),
               own[0].asked + own[1].asked, type, assignor, ledger.code);
    done_with(a);
    done_with(b);
}

static void an_assignor_fails(void)
{
    struct ledger failing = {0}, other = {0};
    struct own own[2] = {{.failures = 1000}, {0}};
    int64_t until = now_ms() + PATIENCE_MS;
    kurier_consumer *a = join_with("failing", &own[0], true);
    while (!own[0].asked && now_ms() < until)
        take_with(a, &own[0], &failing);
    kurier_consumer *b = join_with("failing", &own[1], true);
    while ((owned(b) != PARTITIONS || !failing.code) && now_ms() < until) {
        take_with(a, &own[0], &failing);
        take_with(b, &own[1], &other);
    }
    expect(failing.code == KURIER_E_STATE && own[0].asked == 1,
           "a leader whose assignor fails is told so, and leaves");
    expect(owned(b) == PARTITIONS && !other.code, "and another leads the group");
    done_with(a);
    done_with(b);
}

/* ---- Patterns ----------------------------------------------------------------------------*/

static void a_pattern_chooses(void)
{
    static const char *const fresh[] = {"group.protocol",
                                        "classic",
                                        "metadata.max.age.ms",
                                        "200",
                                        "heartbeat.interval.ms",
                                        "50",
                                        NULL};
    struct ledger ledger = {0};
    kurier_error err;
    kurier_consumer *a = make("pattern", consumer_words, NULL);
    expect(kurier_consumer_subscribe_regex(a, "sha(", &err) ==
                   KURIER_E_INVALID_REGULAR_EXPRESSION &&
               strstr(err.text, "byte 4"),
           "what is wrong with a pattern is told at once");
    bool ok = !kurier_consumer_subscribe_regex(a, "shar[a-e]d|nothing-.*", &err);
    expect(ok && reads_all(a, &ledger) && owned(a) == PARTITIONS,
           "a pattern chooses topics (consumer)");
    done_with(a);
    kurier_consumer *b = make("pattern-classic", fresh, NULL);
    ok = !kurier_consumer_subscribe_regex(b, "grow.*|" TOPIC, &err);
    expect(ok && owns(b, PARTITIONS, &ledger), "a pattern chooses topics (classic)");
    ok = make_topic("growing", 2) && owns(b, PARTITIONS + 2, &ledger);
    expect(ok, "and those that come later");
    done_with(b);
}

/* ---- A coordinator that dies --------------------------------------------------------------*/

static void the_coordinator_restarts(void)
{
    struct ledger ledger = {0};
    kurier_consumer *a = join("restart", consumer_words, NULL);
    kurier_consumer *b = join("restart", consumer_words, NULL);
    bool ok = divided(a, b, &ledger);
    kit_server_kill(&server, SIGKILL);
    take(a, &ledger, TURN_MS);
    ok = ok && kit_server_restart(&server);
    int64_t until = now_ms() + PATIENCE_MS;
    while (ledger.read < RECORDS && now_ms() < until) {
        take(a, &ledger, TURN_MS);
        take(b, &ledger, TURN_MS);
    }
    if (!expect(ok && ledger.read == RECORDS && divided(a, b, &ledger),
                "members go on where they were when their coordinator was killed"))
        printf("# read %d, at most %d times, owned %zu and %zu\n", ledger.read, ledger.most,
               owned(a), owned(b));
    done_with(a);
    done_with(b);
}

int main(void)
{
    static const char *const options[] = {"group.initial.rebalance.delay.ms=0",
                                          "group.min.session.timeout.ms=100",
                                          "group.consumer.min.heartbeat.interval.ms=100",
                                          "group.consumer.heartbeat.interval.ms=100",
                                          "group.consumer.assignment.interval.ms=0",
                                          "auto.create.topics.enable=false",
                                          NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..25\n");
    if (!expect(kit_server_start(&server, options) && make_topic(TOPIC, PARTITIONS) &&
                    fill(TOPIC, 0, RECORDS),
                "a filled topic")) {
        printf("Bail out! %s\n", server.words);
        return 1;
    }
    members_share("shared", consumer_words, "two members share: consumer");
    members_share("shared-auto", auto_words, "two members share: auto");
    the_first_record_comes_soon();
    the_assignor_is_the_coordinators();
    a_static_member_comes_back();
    auto_goes_by_the_group();
    a_group_is_converted();
    our_own_assignor("own", false, "an assignor of one's own shares out, inside poll");
    our_own_assignor("own-cooperative", true, "as a cooperative one, too");
    an_assignor_fails();
    a_pattern_chooses();
    the_coordinator_restarts();
    expect(kit_server_stop(&server), "the broker ends cleanly");
    return failures != 0;
}
