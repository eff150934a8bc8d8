/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/consumer_rig.h"
#include "broker/core/group/modern/modern.h"
#include <stdio.h>
#include <stdlib.h>

void rig_consumer_init(struct rig_consumer *consumer, const char *name, const char *topics)
{
    memset(consumer, 0, sizeof *consumer);
    consumer->name = name;
    consumer->topics = topics;
    consumer->rebalance_ms = 60000;
    consumer->version = 1;
    snprintf(consumer->id, sizeof consumer->id, "%s-0", name);
}

/* ---- What it says ---- */

static void say_topics(struct kw_consumer_group_heartbeat_request *in, const char *topics,
                       struct kb_slice names[16])
{
    in->subscribed_topic_names = names;
    in->subscribed_topic_names_count = 0;
    for (const char *at = topics; at && *at;) {
        size_t size = strcspn(at, ",");
        names[in->subscribed_topic_names_count++] = kb_slice_of(at, size);
        at += size + (at[size] == ',');
    }
}

struct said {
    struct kw_consumer_group_heartbeat_request in;
    struct kb_slice names[16];
    struct kw_consumer_group_heartbeat_request_topic topics[RIG_HELD_MAX];
    int32_t partitions[RIG_HELD_MAX];
};

static void say_has(struct said *said, const struct rig_consumer *consumer)
{
    said->in.topic_partitions = said->topics;
    said->in.topic_partitions_count = 0;
    for (size_t i = 0; i < consumer->has_count; i++) {
        struct kw_consumer_group_heartbeat_request_topic *to =
            &said->topics[said->in.topic_partitions_count++];
        said->partitions[i] = consumer->has[i].partition;
        to->topic_id = consumer->has[i].topic;
        to->partitions = &said->partitions[i];
        to->partitions_count = 1;
    }
}

static struct said *say(const struct rig_consumer *consumer, int32_t epoch)
{
    struct said *said = calloc(1, sizeof *said);
    struct kw_consumer_group_heartbeat_request *in = &said->in;
    kw_consumer_group_heartbeat_request_init(in);
    in->group_id = kb_slice_str("g");
    in->member_id = kb_slice_str(consumer->id);
    in->instance_id = kb_slice_str(consumer->instance);
    in->member_epoch = epoch;
    if (epoch < 0)
        return said;
    say_has(said, consumer);
    if (epoch && !consumer->says_all)
        return said;
    in->rack_id = kb_slice_str(consumer->rack);
    in->rebalance_timeout_ms = consumer->rebalance_ms;
    in->subscribed_topic_regex = kb_slice_str(consumer->regex ? consumer->regex : "");
    in->server_assignor = kb_slice_str(consumer->assignor);
    say_topics(in, consumer->topics, said->names);
    return said;
}

/* ---- What it is told ---- */

static bool is_among(const struct rig_part *part, const struct rig_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (kb_uuid_equal(parts[i].topic, part->topic) && parts[i].partition == part->partition)
            return true;
    return false;
}

static void follow(struct rig_consumer *consumer)
{
    struct rig_part kept[RIG_HELD_MAX];
    size_t count = 0;
    for (size_t i = 0; i < consumer->has_count; i++)
        if (consumer->clings ||
            is_among(&consumer->has[i], consumer->wanted, consumer->wanted_count))
            kept[count++] = consumer->has[i];
    for (size_t i = 0; i < consumer->wanted_count; i++)
        if (!is_among(&consumer->wanted[i], kept, count))
            kept[count++] = consumer->wanted[i];
    memcpy(consumer->has, kept, sizeof kept);
    consumer->has_count = count;
}

static void take(struct rig_consumer *consumer,
                 const struct kw_consumer_group_heartbeat_response *out)
{
    consumer->epoch = out->member_epoch;
    consumer->interval_ms = out->heartbeat_interval_ms;
    consumer->told = out->assignment;
    consumer->says_all = false;
    if (out->member_id.size)
        snprintf(consumer->id, sizeof consumer->id, "%.*s", (int)out->member_id.size,
                 (const char *)out->member_id.data);
    if (!out->assignment)
        return;
    consumer->wanted_count = 0;
    for (int32_t i = 0; i < out->assignment->topic_partitions_count; i++)
        for (int32_t p = 0; p < out->assignment->topic_partitions[i].partitions_count; p++)
            consumer->wanted[consumer->wanted_count++] =
                (struct rig_part){out->assignment->topic_partitions[i].topic_id,
                                  out->assignment->topic_partitions[i].partitions[p]};
    follow(consumer);
}

/* Nobody any more: it begins anew, with another id. */
static void lose(struct rig_consumer *consumer)
{
    consumer->epoch = 0;
    consumer->has_count = consumer->wanted_count = 0;
    snprintf(consumer->id, sizeof consumer->id, "%s-%d", consumer->name, ++consumer->incarnation);
}

static int send(struct rig *rig, struct rig_consumer *consumer, int32_t epoch, bool listens)
{
    struct kd_outcome out;
    struct kb_arena arena;
    struct said *said = say(consumer, epoch);
    struct kd_beat beat = {.in = &said->in,
                           .version = consumer->version,
                           .client_id = kb_slice_str(consumer->name),
                           .client_host = kb_slice_str("/127.0.0.1"),
                           .arena = &arena};
    kb_arena_init(&arena, 16 << 20);
    kd_outcome_init(&out);
    kd_groups_beat(&rig->groups, &beat, rig->now, &out);
    int code = beat.out.error_code;
    bool failed = out.failed;
    rig_end_step(rig, &out);
    if (listens) {
        consumer->code = code;
        if (!code && !failed && epoch >= 0)
            take(consumer, &beat.out);
    }
    kb_arena_deinit(&arena);
    free(said);
    return code;
}

int rig_beat(struct rig *rig, struct rig_consumer *consumer)
{
    int code = send(rig, consumer, consumer->epoch, true);
    if (code == KB_E_UNKNOWN_MEMBER_ID || code == KB_E_FENCED_MEMBER_EPOCH ||
        code == KB_E_FENCED_INSTANCE_ID || code == KB_E_GROUP_ID_NOT_FOUND)
        lose(consumer);
    return code;
}

int rig_beat_late(struct rig *rig, struct rig_consumer *consumer, int32_t epoch)
{
    return send(rig, consumer, epoch, false);
}

int rig_beat_leave(struct rig *rig, struct rig_consumer *consumer, int32_t epoch)
{
    int code = send(rig, consumer, epoch, true);
    lose(consumer);
    return code;
}

int rig_beat_all(struct rig *rig, struct rig_consumer *consumers, size_t count, int rounds)
{
    for (int round = 1; round <= rounds; round++) {
        bool news = false;
        for (size_t i = 0; i < count; i++) {
            int32_t epoch = consumers[i].epoch;
            rig_beat(rig, &consumers[i]);
            news |= consumers[i].told || consumers[i].code || epoch != consumers[i].epoch;
        }
        if (!news)
            return round;
    }
    return 0;
}

int rig_commit_as(struct rig *rig, const char *member, int32_t epoch, bool knows_epochs,
                  const char *topic, int32_t partition, int64_t offset)
{
    struct kd_outcome out;
    struct kd_commit commit = {.topic = kb_slice_str(topic),
                               .partition = partition,
                               .offset = offset,
                               .leader_epoch = -1,
                               .metadata = kb_slice_str(""),
                               .expires_ms = -1};
    const struct kd_committer who = {.group = kb_slice_str("g"),
                                     .member = kb_slice_str(member),
                                     .generation = epoch,
                                     .knows_epochs = knows_epochs};
    kd_outcome_init(&out);
    kd_groups_commit(&rig->groups, &who, &commit, 1, rig->now, &out);
    rig_end_step(rig, &out);
    return commit.code;
}

/* ---- Topics ---- */

void rig_topic(struct rig *rig, const char *name, int32_t count)
{
    static const struct kd_config config;
    const int32_t node = 1;
    struct kd_topic *topic = kd_topics_find(&rig->topics, kb_slice_str(name));
    if (!count) {
        kd_topics_remove(&rig->topics, topic);
        kd_topic_free(topic);
        return;
    }
    struct kd_topic *to =
        topic ? topic : kd_topic_new(kb_slice_str(name), kb_uuid_random(&rig->random), &config);
    rig->failed |= !to;
    while (!rig->failed && to->count < count)
        rig->failed |= !kd_topic_grow(to, &node, 1);
    if (topic)
        kd_topics_note_growth(&rig->topics);
    else if (!rig->failed)
        rig->failed |= !kd_topics_put(&rig->topics, to);
    if (rig->failed && to && !topic)
        kd_topic_free(to);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

const char *rig_has(const struct rig *rig, const struct rig_consumer *consumer)
{
    static char text[8192];
    static char words[RIG_HELD_MAX][64];
    for (size_t i = 0; i < consumer->has_count; i++) {
        const struct kd_topic *topic = kd_topics_find_id(&rig->topics, consumer->has[i].topic);
        snprintf(words[i], sizeof words[i], "%.48s%d", topic ? topic->name : "?",
                 consumer->has[i].partition);
    }
    qsort(words, consumer->has_count, sizeof words[0], by_name);
    text[0] = 0;
    for (size_t i = 0; i < consumer->has_count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", words[i]);
    return text;
}

/* ---- What is ---- */

struct lines {
    char line[512][2048];
    size_t count;
};

static char *new_line(struct lines *lines)
{
    assert_true(lines->count < KB_ARRAY_SIZE(lines->line));
    return lines->line[lines->count++];
}

static void add_parts(char *line, const char *what, const struct kd_parts *parts)
{
    snprintf(line + strlen(line), 2048 - strlen(line), " %s", what);
    for (size_t i = 0; i < parts->count; i++)
        snprintf(line + strlen(line), 2048 - strlen(line), " %02x%02x-%d@%d",
                 parts->at[i].topic.bytes[0], parts->at[i].topic.bytes[1], parts->at[i].partition,
                 parts->at[i].epoch);
}

static void add_member(struct lines *lines, const struct kd_modern_member *member)
{
    char *line = new_line(lines);
    const struct kd_words *words = &member->words;
    snprintf(line, 2048, "member %.*s %.*s/%.*s/%.*s/%.*s %d %d:%zu %d<%d %d", (int)member->id.size,
             member->id.data, (int)words->instance.size,
             words->instance.data ? (const char *)words->instance.data : "", (int)words->rack.size,
             words->rack.data ? (const char *)words->rack.data : "", (int)words->regex.size,
             words->regex.data ? (const char *)words->regex.data : "", (int)words->assignor.size,
             words->assignor.data ? (const char *)words->assignor.data : "", words->rebalance_ms,
             words->session_ms, words->protocol_count, member->current.epoch,
             member->current.previous_epoch, member->current.state);
    for (size_t i = 0; i < words->topic_count; i++)
        snprintf(line + strlen(line), 2048 - strlen(line), " %.*s", (int)words->topics[i].size,
                 words->topics[i].data);
    add_parts(line, "has", &member->current.assigned);
    add_parts(line, "returns", &member->current.revoking);
    add_parts(line, "wants", &member->target);
}

static void add_wants(struct lines *lines, const struct kd_modern *modern)
{
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&modern->wanted, at));) {
        const struct kd_wanted *wanted = KB_CONTAINER(at, struct kd_wanted, by_name);
        snprintf(new_line(lines), 2048, "wanted %.*s %zu %zu", (int)wanted->size, wanted->name,
                 wanted->members, wanted->regexes);
    }
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&modern->expressions, at));) {
        const struct kd_expression *e = KB_CONTAINER(at, struct kd_expression, by_text);
        snprintf(new_line(lines), 2048, "expression %.*s %zu %d %zu", (int)e->text.size,
                 e->text.data, e->members, e->resolved, e->topic_count);
    }
}

/* Between rounds of the classic protocol much is not written yet. */
static bool is_settled(const struct kd_group *group)
{
    return group && (group->state == KD_GROUP_STABLE || group->state == KD_GROUP_EMPTY);
}

static void add_group(struct lines *lines, const struct kd_group *group, bool settled)
{
    const struct kd_offset *offset = NULL;
    const struct kd_modern *modern = group->modern;
    if (!modern && settled)
        snprintf(new_line(lines), 2048, "classic %.*s %d %zu %.*s", (int)group->id.size,
                 group->id.data, group->generation, group->members.count, (int)group->protocol.size,
                 group->protocol.data ? (const char *)group->protocol.data : "");
    if (modern) {
        snprintf(new_line(lines), 2048, "consumer %.*s %d %d %lld %zu %zu", (int)group->id.size,
                 group->id.data, modern->epoch, modern->assignment_epoch, (long long)modern->hash,
                 modern->classics, modern->owners.count);
        KB_LIST_EACH(at, &modern->order)
            add_member(lines, KB_CONTAINER(at, struct kd_modern_member, link));
        add_wants(lines, modern);
    }
    while ((offset = KB_MAP_VALUE(kb_map_next(&group->offsets, offset ? &offset->entry : NULL),
                                  struct kd_offset, entry)))
        snprintf(new_line(lines), 2048, "offset %.*s-%d %lld", (int)offset->topic.size,
                 offset->topic.data, offset->partition, (long long)offset->position.offset);
}

/* All that is durable of all groups; live: which of them are between two rounds. */
static const char *dump(const struct kd_groups *groups, const struct kd_groups *live, char *text,
                        size_t size)
{
    struct lines *lines = calloc(1, sizeof *lines);
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&groups->by_id, at));) {
        const struct kd_group *group = KB_CONTAINER(at, struct kd_group, by_id);
        if (!group->modern && !group->generation && !group->offsets.count)
            continue; /* on its way, or nothing */
        add_group(lines, group, is_settled(kd_group_find(live, group->id)));
    }
    qsort(lines->line, lines->count, sizeof lines->line[0], by_name);
    text[0] = 0;
    for (size_t i = 0; i < lines->count; i++)
        snprintf(text + strlen(text), size - strlen(text), "%s\n", lines->line[i]);
    free(lines);
    return text;
}

static void load_from_log(struct rig *rig, struct kd_groups *groups)
{
    kd_groups_init(groups, &rig->limits, &rig->topics, &rig->random);
    rig_replay(rig, groups);
    struct kd_outcome out;
    kd_outcome_init(&out);
    kd_groups_loaded(groups, rig->now, &out);
    assert_int_equal(out.record_count, 0);
    kd_outcome_deinit(&out);
}

enum { DUMP = 1 << 18 };

void rig_check_same(struct rig *rig)
{
    struct kd_groups again;
    struct kb_random random = rig->random;
    char *live = malloc(DUMP), *loaded = malloc(DUMP);
    load_from_log(rig, &again);
    rig->random = random;
    assert_string_equal(dump(&again, &rig->groups, loaded, DUMP),
                        dump(&rig->groups, &rig->groups, live, DUMP));
    kd_groups_deinit(&again);
    free(live);
    free(loaded);
}

void rig_restart(struct rig *rig)
{
    struct kd_outcome out;
    kd_outcome_init(&out);
    kd_groups_drop(&rig->groups, KB_E_NOT_COORDINATOR, &out);
    rig_end_step(rig, &out);
    kd_groups_deinit(&rig->groups);
    load_from_log(rig, &rig->groups);
}
