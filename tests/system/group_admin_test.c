/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of groups, with members and without, of both protocols where the
 * broker has both. With tests/kit/kafka.py as $KURIERD it is asked of Apache Kafka. */
#include "tests/system/group_kit.h"

static kurier_client *client;
static kurier_error err;

static bool checked(bool ok, const char *protocol, const char *what)
{
    char text[160];
    snprintf(text, sizeof text, "%s: %s", protocol, what);
    if (!expect(ok, text))
        printf("# %s\n", err.text);
    return ok;
}

/* NULL: err says why. A result of another number of items is none. */
static kurier_result *ask(kurier_request *request, size_t count)
{
    kurier_result *result = kurier_admin_run(client, request, PATIENCE_MS, &err);
    if (!result || kurier_result_count(result) == count)
        return result;
    snprintf(err.text, sizeof err.text, "%zu items, not %zu", kurier_result_count(result), count);
    kurier_result_free(result);
    return NULL;
}

/* Of item i; frees the result. */
static bool ended(kurier_result *result, size_t i, const char *code)
{
    kurier_code outcome = result ? kurier_result_outcome(result, i, &err) : err.code;
    kurier_result_free(result);
    return !strcmp(kurier_code_name(outcome), code);
}

static bool well(kurier_request *request, size_t count)
{
    kurier_result *result = ask(request, count);
    bool ok = result && kurier_result_error(result, &err) == KURIER_OK;
    kurier_result_free(result);
    return ok;
}

/* ---- Members ---------------------------------------------------------------------------*/

static kurier_consumer *member(const char *group, const char *protocol, const char *instance)
{
    const char *words[] = {"group.protocol",    protocol, "client.id", instance,
                           "group.instance.id", instance, NULL};
    return join(group, words, NULL);
}

/* They poll until each has half, and everything was read. */
static bool settle(kurier_consumer *a, kurier_consumer *b, struct ledger *ledger)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (ledger->read < RECORDS || owned(a) != PARTITIONS / 2 || owned(b) != PARTITIONS / 2) {
        take(a, ledger, TURN_MS);
        take(b, ledger, TURN_MS);
        if (now_ms() > until || ledger->code) {
            snprintf(err.text, sizeof err.text, "read %d, own %zu and %zu, code %d", ledger->read,
                     owned(a), owned(b), ledger->code);
            return false;
        }
    }
    return true;
}

/* ---- Asking -------------------------------------------------------------------------------*/

static bool is_listed(const char *group, const char *state, const char *type)
{
    const char *states[] = {state, NULL}, *types[] = {type, NULL};
    kurier_result *result =
        kurier_admin_run(client, kurier_admin_list_groups(states, types), PATIENCE_MS, &err);
    const kurier_group_info *info;
    bool found = false;
    for (size_t i = 0; result && (info = kurier_result_group(result, i)); i++)
        found |= !strcmp(info->name, group) && !strcmp(info->type, type);
    kurier_result_free(result);
    return found;
}

static bool has_half(const kurier_group_member *m, const char *instance, bool classic)
{
    return !strcmp(m->client, instance) && m->instance && !strcmp(m->instance, instance) &&
           m->topic_count == 1 && !strcmp(m->topics[0], TOPIC) && m->classic == classic &&
           m->assigned_count == PARTITIONS / 2 && !strcmp(m->assigned[0].topic, TOPIC) &&
           strstr(m->host, "127.0.0.1");
}

static bool describes(const char *group, const char *protocol)
{
    const char *const names[] = {"no-such-group", group};
    bool classic = !strcmp(protocol, "classic");
    kurier_result *result = ask(kurier_admin_describe_groups(names, 2), 2);
    const kurier_group_info *info = result ? kurier_result_group(result, 1) : NULL;
    bool ok = info && !info->code && !strcmp(info->state, "Stable") &&
              !strcmp(info->type, protocol) && !strcmp(info->protocol_type, "consumer") &&
              info->assignor && info->coordinator == 1 && info->member_count == 2 &&
              (info->epoch < 0) == classic && has_half(&info->members[0], "one", classic) &&
              has_half(&info->members[1], "two", classic) &&
              kurier_result_group(result, 0)->code == KURIER_E_GROUP_ID_NOT_FOUND;
    kurier_result_free(result);
    return ok;
}

/* What each partition of the topic has committed; -1 where they differ. */
static int64_t everywhere(const char *group)
{
    const kurier_group_ref ref = {.name = group};
    kurier_result *result = ask(kurier_admin_list_group_offsets(&ref, 1), 1);
    const kurier_group_offsets_info *info = result ? kurier_result_group_offsets(result, 0) : NULL;
    int64_t offset = info && info->offset_count == PARTITIONS ? info->offsets[0].offset : -1;
    for (uint32_t i = 0; info && i < info->offset_count; i++)
        if (info->offsets[i].offset != offset || info->offsets[i].partition != (int32_t)i)
            offset = -1;
    kurier_result_free(result);
    return offset;
}

static kurier_request *move(const char *group, int64_t offset)
{
    kurier_group_offset offsets[PARTITIONS];
    for (int i = 0; i < PARTITIONS; i++)
        offsets[i] = (kurier_group_offset){
            .topic = TOPIC, .partition = i, .offset = offset, .metadata = "moved"};
    return kurier_admin_alter_group_offsets(group, offsets, PARTITIONS);
}

/* ---- The story of a group -------------------------------------------------------------------*/

static void with_members(const char *group, const char *protocol)
{
    static struct ledger ledger;
    const kurier_position at = kurier_at(TOPIC, 0, 0);
    memset(&ledger, 0, sizeof ledger);
    kurier_consumer *one = member(group, protocol, "one"), *two = member(group, protocol, "two");
    checked(settle(one, two, &ledger), protocol, "two members share");
    checked(is_listed(group, "Stable", protocol), protocol, "it is listed");
    checked(describes(group, protocol), protocol, "it is described, with its members");
    checked(ended(ask(move(group, 7), PARTITIONS), 0, "UNKNOWN_MEMBER_ID") &&
                strstr(err.text, "the group has members"),
            protocol, "its offsets cannot be altered by others");
    checked(ended(ask(kurier_admin_delete_groups(&group, 1), 1), 0, "NON_EMPTY_GROUP"), protocol,
            "it cannot be deleted");
    checked(ended(ask(kurier_admin_delete_group_offsets(group, &at, 1), 1), 0,
                  "GROUP_SUBSCRIBED_TO_TOPIC"),
            protocol, "nor its offsets of what it is subscribed to");
    kurier_consumer_close(one, PATIENCE_MS, NULL);
    kurier_consumer_close(two, PATIENCE_MS, NULL);
    kurier_consumer_free(one);
    kurier_consumer_free(two);
}

/* Static members stay when they close, until they are told to go: of KIP-848 by nobody but
 * themselves, so those are waited for. */
static void remove_members(const char *group, const char *protocol)
{
    static const char *const names[] = {"one", "gone", "two"};
    if (strcmp(protocol, "classic") != 0)
        return;
    kurier_result *result = ask(kurier_admin_remove_members(group, names, 3), 3);
    checked(result && !kurier_result_outcome(result, 0, NULL) &&
                !kurier_result_outcome(result, 2, NULL) && ended(result, 1, "UNKNOWN_MEMBER_ID"),
            protocol, "static members are removed");
}

static bool becomes_empty(const char *group, const char *protocol)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (!is_listed(group, "Empty", protocol))
        if (now_ms() > until)
            return false;
    return true;
}

static void without_members(const char *group, const char *protocol)
{
    const char *const both[] = {group, "no-such-group"};
    const kurier_position at = kurier_at(TOPIC, 0, 0);
    const kurier_group_ref ref = {group, &at, 1};
    checked(becomes_empty(group, protocol), protocol, "it is empty then");
    checked(everywhere(group) == RECORDS / PARTITIONS, protocol, "and has committed all");
    checked(well(move(group, 7), PARTITIONS) && everywhere(group) == 7, protocol,
            "its offsets are altered");
    checked(well(kurier_admin_delete_group_offsets(group, &at, 1), 1), protocol, "or deleted");
    kurier_result *result = ask(kurier_admin_list_group_offsets(&ref, 1), 1);
    checked(result && kurier_result_group_offsets(result, 0)->offset_count == 1 &&
                kurier_result_group_offsets(result, 0)->offsets[0].offset == -1,
            protocol, "what is not there any more is -1");
    kurier_result_free(result);
    result = ask(kurier_admin_delete_groups(both, 2), 2);
    checked(result && !kurier_result_outcome(result, 0, NULL) &&
                ended(result, 1, "GROUP_ID_NOT_FOUND") && !is_listed(group, "Empty", protocol),
            protocol, "it is deleted; one that is not there is not");
}

static void story(const char *protocol)
{
    char group[32];
    snprintf(group, sizeof group, "the-%s-group", protocol);
    with_members(group, protocol);
    remove_members(group, protocol);
    without_members(group, protocol);
}

/* ---- Which there are --------------------------------------------------------------------------*/

static bool has_both_protocols(void)
{
    kurier_result *result = ask(kurier_admin_describe_versions(NULL, 0), 1);
    const kurier_versions_info *info = result ? kurier_result_versions(result, 0) : NULL;
    bool found = false;
    for (uint32_t i = 0; info && i < info->api_count; i++)
        found |= info->apis[i].name && !strcmp(info->apis[i].name, "ConsumerGroupHeartbeat") &&
                 info->apis[i].used >= 1;
    kurier_result_free(result);
    return found;
}

int main(void)
{
    static const char *const options[] = {"num.partitions=4",
                                          "offsets.topic.num.partitions=4",
                                          "group.initial.rebalance.delay.ms=0",
                                          "group.min.session.timeout.ms=100",
                                          "group.consumer.min.session.timeout.ms=100",
                                          "group.consumer.session.timeout.ms=1000",
                                          "group.consumer.min.heartbeat.interval.ms=20",
                                          "group.consumer.heartbeat.interval.ms=50",
                                          NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!kit_server_start(&server, options))
        return printf("Bail out! %s\n", server.words), 1;
    kurier_config *config = configure(NULL, NULL);
    client = kurier_client_new(NULL, config, &err);
    kurier_config_free(config);
    if (!client || !fill(TOPIC, 0, RECORDS))
        return printf("Bail out! %s\n", err.text), 1;
    story("classic");
    if (has_both_protocols())
        story("consumer");
    kurier_client_free(client);
    expect(kit_server_stop(&server), "the broker ends cleanly");
    printf("1..%d\n", cases);
    return failures != 0;
}
