/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regex.h"
#include "broker/core/group/modern/assign.h"
#include "broker/core/group/modern/beat.h"

int kd_beat_refuse(struct kd_beating *b, int code, const char *text)
{
    b->beat->out.error_message = kb_slice_str(text);
    return code;
}

/* ---- What was asked ---- */

static bool is_blank(struct kb_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] > ' ')
            return false;
    return text.data != NULL;
}

static int check_join(struct kd_beating *b)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    if (in->rebalance_timeout_ms == -1)
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "who joins tells its rebalance timeout");
    if (in->topic_partitions_count != 0)
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "who joins says that it has no partitions");
    if (in->subscribed_topic_names_count < 0 && !in->subscribed_topic_regex.data)
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST,
                              "who joins subscribes to topics or an expression");
    return KB_OK;
}

static bool is_offered(const struct kd_groups *groups, struct kb_slice assignor)
{
    for (int i = 0; i < KD_ASSIGNORS && groups->limits->assignors[i]; i++)
        if (kb_slice_is(assignor, groups->limits->assignors[i]->name))
            return true;
    return false;
}

static int check_request(struct kd_beating *b)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    bool gave_id =
        b->beat->version >= 1 || in->member_epoch > 0 || in->member_epoch == KD_EPOCH_LEAVE;
    if (gave_id && is_blank(in->member_id))
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "a member id is not empty");
    if (is_blank(in->group_id))
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "a group id is not empty");
    if (is_blank(in->instance_id))
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "an instance id is not empty");
    if (is_blank(in->rack_id))
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "a rack id is not empty");
    if (in->member_epoch < KD_EPOCH_LEAVE_STATIC)
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "there is no such member epoch");
    if (in->member_epoch == KD_EPOCH_LEAVE_STATIC && !in->instance_id.data)
        return kd_beat_refuse(b, KB_E_INVALID_REQUEST, "who leaves for a while has an instance id");
    int code = in->member_epoch == KD_EPOCH_JOIN ? check_join(b) : KB_OK;
    if (!code && in->server_assignor.data && !is_offered(b->groups, in->server_assignor))
        return kd_beat_refuse(b, KB_E_UNSUPPORTED_ASSIGNOR,
                              "this broker does not offer that assignor");
    return code;
}

enum { EXPRESSION_STEPS_MAX = 1000 }; /* of its program, for each byte of each topic's name */

static int check_expression(struct kd_beating *b)
{
    struct kb_slice text = b->in->subscribed_topic_regex;
    struct kb_regex *regex = NULL;
    struct kb_error err;
    bool known = b->group && b->group->modern && kd_modern_expression(b->group, text);
    if (!text.size || known)
        return KB_OK;
    int code = kb_regex_new(text, &regex, &err);
    if (!code && kb_regex_steps(regex) > EXPRESSION_STEPS_MAX)
        code = kb_error_set(&err, KB_E_INVALID_REGULAR_EXPRESSION,
                            "the expression is too long to be held against all topics");
    kb_regex_free(regex);
    if (code == KB_E_INVALID_REGULAR_EXPRESSION)
        return kd_beat_refuse(b, code, kb_arena_strdup(b->beat->arena, kb_slice_str(err.text)));
    b->out->failed |= code != KB_OK;
    return code ? KB_E_COORDINATOR_NOT_AVAILABLE : KB_OK;
}

/* ---- Which group, and which member ---- */

static int find_group(struct kd_beating *b)
{
    bool joins = b->in->member_epoch == KD_EPOCH_JOIN;
    b->group = kd_group_find(b->groups, b->in->group_id);
    if (!joins && (!b->group || !b->group->modern))
        return kd_beat_refuse(b, KB_E_GROUP_ID_NOT_FOUND,
                              "there is no such group of the consumer protocol");
    if (joins && b->group && !b->group->modern && b->group->members.count)
        return kd_upgrade_plan(&b->upgrade, b->group, b->beat->arena, &b->beat->out.error_message);
    return KB_OK;
}

static struct kd_modern_member *find(const struct kd_beating *b, struct kb_slice id)
{
    return b->group && b->group->modern ? kd_modern_find(b->group, id) : NULL;
}

static bool owns_within(const struct kd_beating *b, const struct kd_parts *assigned)
{
    const struct kw_consumer_group_heartbeat_request *in = b->in;
    for (int32_t i = 0; i < in->topic_partitions_count; i++)
        for (int32_t p = 0; p < in->topic_partitions[i].partitions_count; p++)
            if (!kd_parts_find(assigned, in->topic_partitions[i].topic_id,
                               in->topic_partitions[i].partitions[p]))
                return false;
    return in->topic_partitions_count >= 0;
}

/* The epoch before is that of somebody who did not hear of the one since. */
static int check_epoch(struct kd_beating *b)
{
    const struct kd_current *is = &b->member->current;
    int32_t epoch = b->in->member_epoch;
    if (epoch == KD_EPOCH_JOIN || epoch == is->epoch ||
        (epoch < is->epoch && epoch == is->previous_epoch && owns_within(b, &is->assigned)))
        return KB_OK;
    return kd_beat_refuse(
        b, KB_E_FENCED_MEMBER_EPOCH,
        "the member is in another epoch: it gives up all it has, and joins again");
}

static int identify_static(struct kd_beating *b)
{
    struct kd_modern_member *known =
        b->group && b->group->modern ? kd_modern_static(b->group, b->in->instance_id) : NULL;
    bool joins = b->in->member_epoch == KD_EPOCH_JOIN;
    if (!known)
        return joins ? KB_OK
                     : kd_beat_refuse(b, KB_E_UNKNOWN_MEMBER_ID, "the group has no such instance");
    if (!joins && !kb_slice_equal(known->id, b->in->member_id))
        return kd_beat_refuse(b, KB_E_FENCED_INSTANCE_ID, "the instance is another member by now");
    if (!joins) {
        b->member = known;
        return check_epoch(b);
    }
    if (!known->words.classic && known->current.epoch != KD_EPOCH_LEAVE_STATIC &&
        !kb_slice_equal(known->id, b->id))
        return kd_beat_refuse(b, KB_E_UNRELEASED_INSTANCE_ID,
                              "the instance is a member that has not left");
    if (kb_slice_equal(known->id, b->id))
        b->member = known;
    else
        b->former = known;
    return KB_OK;
}

int kd_beat_identify(struct kd_beating *b)
{
    if (b->in->instance_id.data)
        return identify_static(b);
    b->member = find(b, b->in->member_id);
    if (!b->member)
        return b->in->member_epoch == KD_EPOCH_JOIN
                   ? KB_OK
                   : kd_beat_refuse(b, KB_E_UNKNOWN_MEMBER_ID, "the group has no such member");
    return check_epoch(b);
}

static int check_room(struct kd_beating *b)
{
    size_t count = !b->group          ? 0
                   : b->group->modern ? b->group->modern->members.count
                                      : b->group->members.count;
    bool is_new =
        !b->member && !b->former && !kd_upgrade_has(&b->upgrade, b->id, b->in->instance_id);
    if (is_new && count >= (size_t)b->groups->limits->consumer_max_size)
        return kd_beat_refuse(b, KB_E_GROUP_MAX_SIZE_REACHED,
                              "the group has as many members as it may");
    return KB_OK;
}

int kd_beat_check(struct kd_beating *b)
{
    int code = check_request(b);
    return code ? code : find_group(b);
}

int kd_beat_admit(struct kd_beating *b)
{
    int code = check_room(b);
    return code ? code : check_expression(b);
}
