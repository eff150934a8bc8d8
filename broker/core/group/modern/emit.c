/* SPDX-License-Identifier: Apache-2.0 */
/* The records of groups of the consumer protocol, as Kafka 4.3 writes them. */
#include "broker/core/group/modern/modern.h"
#include "broker/core/group/modern/kinds.h"
#include "wire/gen/consumer_group_current_member_assignment_record.h"
#include "wire/gen/consumer_group_member_metadata_record.h"
#include "wire/gen/consumer_group_metadata_record.h"
#include "wire/gen/consumer_group_regular_expression_record.h"
#include "wire/gen/consumer_group_target_assignment_member_record.h"
#include "wire/gen/consumer_group_target_assignment_metadata_record.h"
#include "wire/writer.h"

static void begin(struct kw_writer *w, int16_t number)
{
    kw_writer_init(w, KD_RECORD_MAX_BYTES);
    kw_write_i16(w, number);
}

/* All keys are the group's name, most with another: of a member or an expression. They
 * are laid out alike. */
static struct kb_slice key_of(const struct kd_group *group, int16_t kind, struct kb_slice more,
                              struct kd_outcome *out)
{
    const struct kw_consumer_group_metadata_key one = {group->id};
    const struct kw_consumer_group_member_metadata_key two = {group->id, more};
    struct kw_writer w;
    begin(&w, kind);
    if (more.data)
        kw_consumer_group_member_metadata_key_encode(&w, 0, &two);
    else
        kw_consumer_group_metadata_key_encode(&w, 0, &one);
    return kd_outcome_take(&w, out);
}

static void emit(struct kd_group *group, int16_t kind, struct kb_slice more, struct kw_writer *w,
                 struct kb_time now, struct kd_outcome *out)
{
    struct kb_slice value = kd_outcome_take(w, out);
    struct kb_slice key = key_of(group, kind, more, out);
    kd_emit(group->groups, (struct kd_record){key, value}, now, out);
}

static void emit_none(struct kd_group *group, int16_t kind, struct kb_slice more,
                      struct kd_outcome *out)
{
    struct kb_slice key = key_of(group, kind, more, out);
    kd_emit(group->groups, (struct kd_record){key, kb_slice_null()}, (struct kb_time){0}, out);
}

static struct kb_slice or_empty(struct kb_slice text)
{
    return text.data ? text : kb_slice_str("");
}

/* ---- Members ---- */

void kd_emit_words(struct kd_group *group, struct kb_slice member, const struct kd_words *words,
                   struct kb_time now, struct kd_outcome *out)
{
    struct kw_consumer_group_member_metadata_value value;
    struct kw_consumer_group_member_metadata_value_classic_member classic = {0};
    struct kw_writer w;
    kw_consumer_group_member_metadata_value_init(&value);
    value.instance_id = words->instance;
    value.rack_id = words->rack;
    value.client_id = or_empty(words->client_id);
    value.client_host = or_empty(words->client_host);
    value.subscribed_topic_names = words->topics;
    value.subscribed_topic_names_count = (int32_t)words->topic_count;
    value.subscribed_topic_regex = or_empty(words->regex);
    value.server_assignor = words->assignor;
    value.rebalance_timeout_ms = words->rebalance_ms;
    value.classic_member_metadata = words->classic ? &classic : NULL;
    classic.session_timeout_ms = words->session_ms;
    classic.supported_protocols =
        kb_arena_array(&out->arena, words->protocol_count, sizeof *classic.supported_protocols);
    for (size_t i = 0; classic.supported_protocols && i < words->protocol_count; i++) {
        classic.supported_protocols[i].name = words->protocols[i].name;
        classic.supported_protocols[i].metadata = or_empty(words->protocols[i].metadata);
        classic.supported_protocols_count++;
    }
    out->failed |= out->arena.failed;
    begin(&w, 0);
    kw_consumer_group_member_metadata_value_encode(&w, 0, &value);
    emit(group, KD_RECORD_WORDS, member, &w, now, out);
}

static struct kw_consumer_group_current_member_assignment_value_topic *current_topics(
    const struct kd_parts *parts, struct kb_arena *arena, int32_t *count)
{
    struct kw_consumer_group_current_member_assignment_value_topic *topics =
        kb_arena_array(arena, kd_parts_topics(parts), sizeof *topics);
    *count = 0;
    for (size_t at = 0, end; topics && at < parts->count; at = end) {
        struct kw_consumer_group_current_member_assignment_value_topic *topic = &topics[(*count)++];
        end = kd_parts_run(parts, at);
        topic->topic_id = parts->at[at].topic;
        topic->partitions_count = topic->assignment_epochs_count = (int32_t)(end - at);
        topic->partitions = kd_parts_numbers(parts, at, end, arena);
        topic->assignment_epochs = kb_arena_array(arena, end - at, sizeof(int32_t));
        for (size_t i = at; topic->assignment_epochs && i < end; i++)
            topic->assignment_epochs[i - at] = parts->at[i].epoch;
    }
    return topics;
}

void kd_emit_current(struct kd_group *group, struct kb_slice member,
                     const struct kd_current *current, struct kb_time now, struct kd_outcome *out)
{
    struct kw_consumer_group_current_member_assignment_value value;
    struct kw_writer w;
    kw_consumer_group_current_member_assignment_value_init(&value);
    value.member_epoch = current->epoch;
    value.previous_member_epoch = current->previous_epoch;
    value.state = current->state;
    value.assigned_partitions =
        current_topics(&current->assigned, &out->arena, &value.assigned_partitions_count);
    value.partitions_pending_revocation =
        current_topics(&current->revoking, &out->arena, &value.partitions_pending_revocation_count);
    out->failed |= out->arena.failed;
    if (out->failed)
        return;
    begin(&w, 0);
    kw_consumer_group_current_member_assignment_value_encode(&w, 0, &value);
    emit(group, KD_RECORD_CURRENT, member, &w, now, out);
}

void kd_emit_no_modern_member(struct kd_modern_member *member, struct kd_outcome *out)
{
    struct kd_group *group = member->group;
    struct kb_slice id = kd_slice_copy(&out->arena, member->id);
    emit_none(group, KD_RECORD_CURRENT, id, out);
    emit_none(group, KD_RECORD_TARGET, id, out);
    emit_none(group, KD_RECORD_WORDS, id, out);
}

/* ---- Targets ---- */

void kd_emit_target(struct kd_group *group, struct kb_slice member, const struct kd_parts *parts,
                    struct kb_time now, struct kd_outcome *out)
{
    struct kw_consumer_group_target_assignment_member_value value;
    struct kw_writer w;
    kw_consumer_group_target_assignment_member_value_init(&value);
    value.topic_partitions =
        kb_arena_array(&out->arena, kd_parts_topics(parts), sizeof *value.topic_partitions);
    for (size_t at = 0, end; value.topic_partitions && at < parts->count; at = end) {
        struct kw_consumer_group_target_assignment_member_value_topic *topic =
            &value.topic_partitions[value.topic_partitions_count++];
        end = kd_parts_run(parts, at);
        topic->topic_id = parts->at[at].topic;
        topic->partitions_count = (int32_t)(end - at);
        topic->partitions = kd_parts_numbers(parts, at, end, &out->arena);
    }
    out->failed |= out->arena.failed;
    if (out->failed)
        return;
    begin(&w, 0);
    kw_consumer_group_target_assignment_member_value_encode(&w, 0, &value);
    emit(group, KD_RECORD_TARGET, member, &w, now, out);
}

void kd_emit_target_epoch(struct kd_group *group, int32_t epoch, int64_t made_ms,
                          struct kb_time now, struct kd_outcome *out)
{
    struct kw_consumer_group_target_assignment_metadata_value value = {epoch, made_ms};
    struct kw_writer w;
    begin(&w, 0);
    kw_consumer_group_target_assignment_metadata_value_encode(&w, 0, &value);
    emit(group, KD_RECORD_TARGET_EPOCH, kb_slice_null(), &w, now, out);
}

/* ---- The group ---- */

void kd_emit_epoch(struct kd_group *group, int32_t epoch, int64_t hash, struct kb_time now,
                   struct kd_outcome *out)
{
    struct kw_consumer_group_metadata_value value = {epoch, hash};
    struct kw_writer w;
    begin(&w, 0);
    kw_consumer_group_metadata_value_encode(&w, 0, &value);
    emit(group, KD_RECORD_EPOCH, kb_slice_null(), &w, now, out);
}

void kd_emit_expression(struct kd_group *group, struct kb_slice text, const struct kb_slice *topics,
                        size_t count, struct kb_time now, struct kd_outcome *out)
{
    struct kw_consumer_group_regular_expression_value value;
    struct kw_writer w;
    kw_consumer_group_regular_expression_value_init(&value);
    value.topics = (struct kb_slice *)topics;
    value.topics_count = (int32_t)count;
    value.timestamp = now.wall_ms;
    begin(&w, 0);
    kw_consumer_group_regular_expression_value_encode(&w, 0, &value);
    emit(group, KD_RECORD_EXPRESSION, text, &w, now, out);
}

void kd_emit_no_expression(struct kd_group *group, struct kb_slice text, struct kd_outcome *out)
{
    emit_none(group, KD_RECORD_EXPRESSION, kd_slice_copy(&out->arena, text), out);
}

void kd_emit_no_old_metadata(struct kd_group *group, struct kd_outcome *out)
{
    emit_none(group, KD_RECORD_OLD_METADATA, kb_slice_null(), out);
}

void kd_emit_no_modern(struct kd_group *group, struct kd_outcome *out)
{
    const struct kd_modern *modern = group->modern;
    while (!out->failed && !kb_list_empty(&modern->order))
        kd_emit_no_modern_member(KB_LIST_FIRST(&modern->order, struct kd_modern_member, link), out);
    emit_none(group, KD_RECORD_TARGET_EPOCH, kb_slice_null(), out);
    for (struct kb_map_entry *at; !out->failed && (at = kb_map_next(&modern->expressions, NULL));)
        kd_emit_no_expression(group, KB_CONTAINER(at, struct kd_expression, by_text)->text, out);
    kd_emit_no_old_metadata(group, out);
    emit_none(group, KD_RECORD_EPOCH, kb_slice_null(), out);
}
