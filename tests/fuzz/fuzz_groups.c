/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group coordinator loads: records of __consumer_offsets,
 *
 *   record | key size 2 | key | value size 2 | value | ...   (65535: null)
 *   in a transaction | 65534 | producer 2 | record
 *   marker | 65533 | producer 2, by twos; odd: commit
 *
 * Any of them may make no sense. What is known after all of them, and after
 * sessions and offsets have run out, is what a coordinator knows that replays
 * the same records and what the first one wrote since.
 */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "broker/core/group/describe.h"
#include "broker/core/group/modern/modern.h"
#include "broker/core/group/offsets.h"
#include "broker/core/topics.h"
#include "tests/fuzz/parts.h"

#include <string.h>

enum { STEPS = 64 };

static struct kd_group_limits limits = {
    .min_session_ms = 6000,
    .max_session_ms = 1800000,
    .offsets_retention_ms = 7 * 86400000LL,
    .max_size = 1000,
    .offset_metadata_max_bytes = 4096,
    .settings = {[KD_SET_SESSION] = 45000, [KD_SET_HEARTBEAT] = 5000},
    .consumer_max_size = 1000,
    .upgrade = true,
    .downgrade = true};

enum { IN_TXN = 65534, MARKER = 65533 };

static struct kb_slice take_text(struct kb_slice *input, uint16_t size)
{
    return size == UINT16_MAX ? kb_slice_null() : parts_bytes(input, size);
}

static void replay_record(struct kd_groups *groups, const int64_t *producer, uint16_t key_size,
                          struct kb_slice *input, struct kb_time now)
{
    struct kd_record record;
    record.key = take_text(input, key_size);
    record.value = take_text(input, parts_u16(input));
    int code = producer ? kd_groups_replay_txn(groups, *producer, &record, now)
                        : kd_groups_replay(groups, &record, now);
    KB_CHECK(code != KB_E_NO_MEMORY);
}

static void replay(struct kd_groups *groups, struct kb_slice input, struct kb_time now)
{
    while (input.size) {
        uint16_t size = parts_u16(&input);
        int64_t producer = size == IN_TXN || size == MARKER ? parts_u16(&input) : 0;
        if (size == MARKER)
            kd_groups_end_txn(groups, producer / 2, producer % 2);
        else if (size == IN_TXN)
            replay_record(groups, &producer, parts_u16(&input), &input, now);
        else
            replay_record(groups, NULL, size, &input, now);
    }
}

/* ---- The same, told twice ----------------------------------------------- */

static void must_have_position(const struct kd_position *a, const struct kd_position *b)
{
    KB_CHECK(a->offset == b->offset && a->leader_epoch == b->leader_epoch);
    KB_CHECK(a->committed_ms == b->committed_ms && a->expires_ms == b->expires_ms);
    KB_CHECK(a->place == b->place && kb_slice_equal(a->metadata, b->metadata));
}

/* Committed or only open. */
static void must_have_offsets(const struct kd_group *a, const struct kd_group *b)
{
    KB_CHECK(a->offsets.count == b->offsets.count);
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&a->offsets, at));) {
        const struct kd_offset *one = KB_CONTAINER(at, struct kd_offset, entry);
        const struct kd_offset *other = kd_group_offset(b, one->topic, one->partition);
        KB_CHECK(other && other->committed == one->committed);
        KB_CHECK(kb_list_empty(&other->open) == kb_list_empty(&one->open));
        must_have_position(&one->position, &other->position);
    }
}

/* One that never had a member, and of whose offsets none is left, is like none. */
static bool holds_nothing(const struct kd_group *group)
{
    return !group->modern && !group->generation && !group->members.count && !group->offsets.count;
}

/* Of the consumer protocol. */
static void must_have_members(const struct kd_group *one, const struct kd_group *other)
{
    KB_CHECK(other->modern && other->modern->epoch == one->modern->epoch);
    KB_CHECK(other->modern->assignment_epoch == one->modern->assignment_epoch);
    KB_CHECK(other->modern->owners.count == one->modern->owners.count);
    KB_CHECK(other->modern->wanted.count == one->modern->wanted.count);
    KB_CHECK(other->modern->members.count == one->modern->members.count);
    KB_LIST_EACH(at, &one->modern->order) {
        const struct kd_modern_member *a = KB_CONTAINER(at, struct kd_modern_member, link);
        const struct kd_modern_member *b = kd_modern_find(other, a->id);
        KB_CHECK(b && kd_words_equal(&a->words, &b->words));
        KB_CHECK(a->current.epoch == b->current.epoch && a->current.state == b->current.state);
        KB_CHECK(kd_parts_equal(&a->current.assigned, &b->current.assigned));
        KB_CHECK(kd_parts_equal(&a->current.revoking, &b->current.revoking));
        KB_CHECK(kd_parts_equal(&a->target, &b->target));
    }
}

/* Between rounds: who has left is written when the next one ends. */
static bool is_settled(const struct kd_group *group)
{
    return group->state == KD_GROUP_STABLE || group->state == KD_GROUP_EMPTY;
}

static void must_have(const struct kd_groups *a, const struct kd_groups *b)
{
    for (struct kb_map_entry *at = NULL; (at = kb_map_next(&a->by_id, at));) {
        const struct kd_group *one = KB_CONTAINER(at, struct kd_group, by_id);
        const struct kd_group *other = kd_group_find(b, one->id);
        if (holds_nothing(one))
            continue;
        KB_CHECK(other);
        if (one->modern)
            must_have_members(one, other);
        if (is_settled(one) && is_settled(other)) {
            KB_CHECK(other->generation == one->generation);
            KB_CHECK(other->members.count == one->members.count);
            KB_CHECK(kb_slice_equal(other->protocol, one->protocol));
        }
        must_have_offsets(one, other);
    }
}

static void must_be_the_same(const struct kd_groups *a, const struct kd_groups *b)
{
    KB_CHECK(a->txns.count == b->txns.count);
    must_have(a, b);
    must_have(b, a);
}

/* ---- Time --------------------------------------------------------------- */

static void end_step(struct kd_groups *again, struct kd_outcome *out, struct kb_time now)
{
    KB_CHECK(!out->failed && kb_list_empty(&out->answers));
    for (size_t i = 0; i < out->record_count; i++)
        KB_CHECK(!kd_groups_replay(again, &out->records[i], now));
    kd_outcome_deinit(out);
}

static void pass(struct kd_groups *groups, struct kd_groups *again, struct kb_time now)
{
    struct kd_outcome out;
    for (int i = 0; i < STEPS && kd_groups_deadline(groups) != KB_NEVER; i++) {
        int64_t passed_ms = KB_MAX(kd_groups_deadline(groups) - now.mono_ms, 0);
        now.mono_ms += passed_ms;
        now.wall_ms += passed_ms;
        kd_outcome_init(&out);
        kd_groups_tick(groups, now, &out);
        end_step(again, &out, now);
    }
    now.wall_ms += limits.offsets_retention_ms + 1;
    kd_outcome_init(&out);
    kd_groups_expire(groups, now, &out);
    end_step(again, &out, now);
}

/* Some of them. */
static void end_txns(struct kd_groups *groups)
{
    for (int64_t producer = 0; producer < 8; producer++)
        kd_groups_end_txn(groups, producer, producer % 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kd_groups groups, again;
    struct kd_topics topics;
    struct kb_random random;
    struct kd_outcome out;
    struct kb_time now = {1000, 1700000000000};
    kb_random_seed(&random, 1);
    kd_assignors_parse("uniform,range", limits.assignors);
    kd_topics_init(&topics, 1);
    kd_groups_init(&groups, &limits, &topics, &random);
    kd_groups_init(&again, &limits, &topics, &random);
    replay(&groups, kb_slice_of(data, size), now);
    replay(&again, kb_slice_of(data, size), now);
    must_be_the_same(&groups, &again);
    kd_outcome_init(&out);
    kd_groups_loaded(&groups, now, &out);
    end_step(&again, &out, now);
    pass(&groups, &again, now);
    must_be_the_same(&groups, &again);
    end_txns(&groups);
    end_txns(&again);
    must_be_the_same(&groups, &again);
    kd_groups_deinit(&groups);
    kd_groups_deinit(&again);
    kd_topics_deinit(&topics);
    return 0;
}
