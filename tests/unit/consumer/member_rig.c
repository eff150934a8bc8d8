/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/consumer/member_rig.h"
#include "wire/gen/metadata.h"
#include <stdio.h>
#include <string.h>

enum { NODE = 1, START_MS = 1000000, ARENA_BYTES = 64 << 20 };

bool rig_init(struct rig *rig, const struct kc_member_kind *kind, const char *const *keys,
              const struct rig_topic *topics, uint64_t seed)
{
    struct kc_metadata_options metadata = {.max_age_ms = 300000};
    *rig = (struct rig){.now = {START_MS, START_MS}, .topics = topics};
    kb_mem_spare(1);
    kb_random_seed(&rig->random, seed);
    rig->options = kc_options_new();
    kc_options_set(rig->options, "group.id", "g", NULL);
    for (; keys && *keys; keys += 2)
        assert_int_equal(kc_options_set(rig->options, keys[0], keys[1], NULL), 0);
    kc_bootstrap_parse(&rig->bootstrap, "boot", NULL);
    kc_metadata_init(&rig->metadata, &metadata, &rig->bootstrap, &rig->random);
    kb_arena_init(&rig->arena, ARENA_BYTES);
    assert_int_equal(kc_group_options(&rig->options->consumer, &rig->assignors, NULL), 0);
    kb_mem_spare(-1);
    if (!kc_member_init(&rig->member, kind, rig->options, &rig->metadata, rig->assignors.list,
                        rig->assignors.count, &rig->random))
        return false;
    kc_member_coordinator(&rig->member, rig->now, true);
    return true;
}

void rig_deinit(struct rig *rig)
{
    kc_member_deinit(&rig->member);
    kc_metadata_deinit(&rig->metadata);
    kc_bootstrap_deinit(&rig->bootstrap);
    kb_arena_deinit(&rig->arena);
    kc_options_free(rig->options);
}

bool rig_subscribe(struct rig *rig, const char *topic)
{
    return kc_member_subscribe(&rig->member, rig->now, &topic, 1, NULL);
}

/* ---- Metadata --------------------------------------------------------------------*/

static int32_t partitions_of(const struct rig *rig, struct kb_slice name)
{
    for (const struct rig_topic *topic = rig->topics; topic->name; topic++)
        if (kb_slice_is(name, topic->name))
            return topic->partitions;
    return 0;
}

static struct kw_metadata_response_topic told(struct rig *rig, struct kb_arena *arena,
                                              struct kb_slice name)
{
    struct kw_metadata_response_topic topic;
    int32_t count = partitions_of(rig, name);
    kw_metadata_response_topic_init(&topic);
    topic.name = name;
    topic.error_code = count ? 0 : KB_E_UNKNOWN_TOPIC_OR_PARTITION;
    topic.partitions = kb_arena_array(arena, (size_t)count + 1, sizeof *topic.partitions);
    topic.partitions_count = count;
    for (int32_t i = 0; i < count; i++) {
        kw_metadata_response_partition_init(&topic.partitions[i]);
        topic.partitions[i].partition_index = i;
        topic.partitions[i].leader_id = NODE;
    }
    return topic;
}

static void answer_query(struct rig *rig, struct kb_arena *arena)
{
    struct kw_metadata_request request;
    struct kw_metadata_response response;
    struct kw_metadata_response_broker broker = {.node_id = NODE, .host = kb_slice_str("k")};
    struct kc_target target;
    for (size_t i = 0; i < rig->member.wanted.count; i++)
        kc_metadata_refresh(&rig->metadata,
                            kc_metadata_topic(&rig->metadata, rig->member.wanted.names[i]));
    rig->metadata.allowed_ms = 0;
    if (!kc_metadata_query(&rig->metadata, rig->now, arena, &request, &target))
        return;
    kw_metadata_response_init(&response);
    response.brokers = &broker;
    response.brokers_count = 1;
    response.topics =
        kb_arena_array(arena, (size_t)KB_MAX(request.topics_count, 0) + 1, sizeof *response.topics);
    response.topics_count = KB_MAX(request.topics_count, 0);
    for (int32_t i = 0; i < response.topics_count; i++)
        response.topics[i] = told(rig, arena, request.topics[i].name);
    kc_metadata_answer(&rig->metadata, rig->now, &response);
}

void rig_learn(struct rig *rig)
{
    struct kb_arena arena;
    kb_mem_spare(1);
    kb_arena_init(&arena, ARENA_BYTES);
    if (rig->held != rig->member.wanted_version)
        for (size_t i = 0; i < rig->member.wanted.count; i++)
            if (!kc_metadata_topic(&rig->metadata, rig->member.wanted.names[i]))
                kc_metadata_want(&rig->metadata, rig->member.wanted.names[i]);
    rig->held = rig->member.wanted_version;
    answer_query(rig, &arena);
    kb_arena_deinit(&arena);
    kb_mem_spare(-1);
    kc_member_metadata(&rig->member, rig->now);
}

/* ---- Requests ----------------------------------------------------------------------*/

int rig_plan(struct rig *rig)
{
    kb_arena_reset(&rig->arena);
    bool planned = kc_member_plan(&rig->member, rig->now, &rig->arena, &rig->request);
    return planned ? rig->request.api_key : -1;
}

void rig_expect(struct rig *rig, int16_t api_key)
{
    assert_int_equal(rig_plan(rig), api_key);
}

void rig_answer(struct rig *rig, const struct kc_member_response *response)
{
    kc_member_answer(&rig->member, rig->now, response);
}

void rig_wait(struct rig *rig, int64_t ms)
{
    int64_t until_ms = rig->now.mono_ms + ms;
    int64_t due_ms = KB_MIN(kc_member_deadline_ms(&rig->member), until_ms);
    rig->now.mono_ms = KB_MAX(rig->now.mono_ms, due_ms);
    kc_member_tick(&rig->member, rig->now);
}

const char *rig_text(const struct kc_partitions *set)
{
    static char text[512];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < set->count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s-%d", i ? " " : "",
                                 set->rows[i].topic, set->rows[i].partition);
    return text;
}
