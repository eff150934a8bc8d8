/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/member.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/core/group/member_request.h"

/* ---- Life ----------------------------------------------------------------------*/

bool kc_member_init(struct kc_member *member, const struct kc_member_kind *kind,
                    const struct kc_options *options, const struct kc_metadata *metadata,
                    const struct kc_assignor *const *assignors, size_t assignor_count,
                    struct kb_random *random)
{
    const struct kc_common_options *common = &options->common;
    *member = (struct kc_member){.options = options,
                                 .metadata = metadata,
                                 .random = random,
                                 .assignors = assignors,
                                 .assignor_count = assignor_count,
                                 .generation = -1,
                                 .alive_until_ms = KB_NEVER,
                                 .change_by_ms = KB_NEVER,
                                 .doing = "is not subscribed"};
    kb_error_clear(&member->err);
    kb_error_clear(&member->trouble);
    kc_backoff_init(&member->backoff, common->retry_backoff_ms, common->retry_backoff_max_ms);
    member->member_id = kb_strdup("");
    member->kind = member->made_as = kind;
    if (member->member_id && kind->open(member))
        return true;
    member->kind = NULL;
    return false;
}

void kc_member_deinit(struct kc_member *member)
{
    if (member->kind)
        member->kind->close(member);
    kb_free(member->member_id);
    kb_free(member->regex);
    kc_names_deinit(&member->topics);
    kc_names_deinit(&member->wanted);
    kc_partitions_deinit(&member->owned);
    kc_partitions_deinit(&member->changing);
}

bool kc_member_switch(struct kc_member *member, struct kb_time now,
                      const struct kc_member_kind *kind)
{
    const struct kc_member_kind *before = member->kind;
    void *state = member->state;
    KB_CHECK(!member->flight && !member->owned.count && member->change == KC_CHANGE_NONE);
    if (!kind->open(member)) {
        member->state = state;
        return false;
    }
    void *fresh = member->state;
    member->state = state;
    before->close(member);
    member->state = fresh;
    member->kind = kind;
    kc_member_forget_id(member);
    if (member->subscribed)
        kind->subscribed(member, now);
    return true;
}

bool kc_member_look_again(struct kc_member *member, struct kb_time now)
{
    bool idle = !member->flight && !member->owned.count && member->change == KC_CHANGE_NONE;
    return idle && member->kind != member->made_as &&
           kc_member_switch(member, now, member->made_as);
}

bool kc_member_is_static(const struct kc_member *member)
{
    const char *instance = member->options->consumer.group_instance_id;
    return instance && *instance;
}

const char *kc_standing_name(enum kc_standing standing)
{
    static const char *const names[] = {
        [KC_STANDING_OUT] = "out",         [KC_STANDING_JOINING] = "joining",
        [KC_STANDING_IN] = "in",           [KC_STANDING_AWAY] = "away",
        [KC_STANDING_LEAVING] = "leaving", [KC_STANDING_FAILED] = "failed"};
    return names[standing];
}

/* ---- In ---------------------------------------------------------------------------*/

bool kc_member_subscribe(struct kc_member *member, struct kb_time now, const char *const *names,
                         size_t n, const char *regex)
{
    struct kc_names topics;
    char *pattern = regex ? kb_strdup(regex) : NULL;
    bool whole = pattern || !regex;
    kc_names_init(&topics);
    for (size_t i = 0; i < n && whole; i++)
        whole = kc_names_add(&topics, kb_slice_str(names[i]));
    if (!whole) {
        kc_names_deinit(&topics);
        kb_free(pattern);
        return false;
    }
    bool other_regex = !member->regex != !pattern || (pattern && strcmp(member->regex, pattern));
    member->topics_version += other_regex || !kc_names_equal(&member->topics, &topics);
    kc_names_move(&member->topics, &topics);
    kb_free(member->regex);
    member->regex = pattern;
    enum kc_standing standing = kc_member_standing(member);
    bool anew = standing == KC_STANDING_OUT || standing == KC_STANDING_FAILED;
    member->subscribed = true;
    kb_error_clear(&member->err);
    if (!anew || !kc_member_look_again(member, now))
        member->kind->subscribed(member, now);
    return true;
}

void kc_member_leave(struct kc_member *member, struct kb_time now, enum kc_leave how, int64_t by_ms)
{
    kc_partitions_clear(&member->owned);
    kc_partitions_clear(&member->changing);
    member->change = KC_CHANGE_NONE;
    kc_names_deinit(&member->topics);
    kb_free(member->regex);
    member->regex = NULL;
    member->topics_version++;
    member->subscribed = false;
    member->change_by_ms = KB_NEVER;
    member->leave_how = how;
    member->leave_by_ms = by_ms;
    kc_member_abandon(member);
    member->kind->leave(member, now);
}

void kc_member_done(struct kc_member *member, struct kb_time now)
{
    enum kc_change change = member->change;
    if (change == KC_CHANGE_NONE)
        return;
    if (change == KC_CHANGE_REVOKE)
        kc_partitions_remove(&member->owned, &member->changing);
    kc_partitions_clear(&member->changing);
    member->change = KC_CHANGE_NONE;
    member->change_by_ms = KB_NEVER;
    member->kind->done(member, now, change);
}

void kc_member_alive(struct kc_member *member, int64_t until_ms)
{
    member->alive_until_ms = until_ms;
}

void kc_member_polled(struct kc_member *member, struct kb_time now)
{
    member->kind->polled(member, now);
}

void kc_member_metadata(struct kc_member *member, struct kb_time now)
{
    member->kind->metadata(member, now);
}

void kc_member_coordinator(struct kc_member *member, struct kb_time now, bool known)
{
    member->coordinator_known = known;
    member->kind->tick(member, now);
}

void kc_member_refused(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    member->kind->refused(member, now, why);
}

void kc_member_heard(struct kc_member *member, struct kb_time now, int32_t generation, int code)
{
    if (generation >= 0 && generation == member->generation)
        member->kind->heard(member, now, code);
}

void kc_member_placed(struct kc_member *member, struct kb_time now, uint32_t number,
                      const int32_t *owners, const struct kb_error *why)
{
    if (member->to_assign && number == member->assigns)
        member->kind->placed(member, now, owners, why);
}

void kc_member_tick(struct kc_member *member, struct kb_time now)
{
    member->kind->tick(member, now);
}

/* ---- Requests ------------------------------------------------------------------------*/

bool kc_member_plan(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                    struct kc_member_request *out)
{
    if (member->flight || !member->coordinator_known || now.mono_ms < member->not_before_ms ||
        !member->kind->plan(member, now, arena, out))
        return false;
    member->flight = ++member->flights;
    member->flight_api = out->api_key;
    return true;
}

void kc_member_answer(struct kc_member *member, struct kb_time now,
                      const struct kc_member_response *response)
{
    if (!member->flight || member->flight_api != response->api_key)
        return;
    member->flight = 0;
    member->kind->answer(member, now, response);
}

void kc_member_failure(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    if (!member->flight)
        return;
    member->flight = 0;
    member->kind->failure(member, now, why);
}

int64_t kc_member_deadline_ms(const struct kc_member *member)
{
    return member->kind->deadline_ms(member);
}

enum kc_standing kc_member_standing(const struct kc_member *member)
{
    return member->kind->standing(member);
}

/* ---- For the kinds ---------------------------------------------------------------------*/

/* `partitions` is not empty, and is emptied. */
static void tell(struct kc_member *member, enum kc_change change, struct kc_partitions *partitions)
{
    KB_CHECK(partitions->count);
    kc_partitions_move(&member->changing, partitions);
    member->change = change;
    member->changes++;
}

enum kc_reconciled kc_member_reconcile(struct kc_member *member, struct kb_time now,
                                       const struct kc_partitions *target)
{
    struct kc_partitions part, all;
    enum kc_reconciled outcome = KC_CHANGING;
    if (member->change != KC_CHANGE_NONE)
        return KC_CHANGING;
    kc_partitions_init(&part);
    kc_partitions_init(&all);
    if (!kc_partitions_difference(&part, &member->owned, target)) {
        outcome = KC_SHORT_OF_MEMORY;
    } else if (part.count) {
        tell(member, KC_CHANGE_REVOKE, &part);
        member->change_by_ms = kb_deadline(now, member->options->consumer.max_poll_interval_ms);
    } else if (!kc_partitions_difference(&part, target, &member->owned) ||
               !kc_partitions_copy(&all, target)) {
        outcome = KC_SHORT_OF_MEMORY;
    } else if (part.count) {
        kc_partitions_move(&member->owned, &all);
        tell(member, KC_CHANGE_ASSIGN, &part);
    } else {
        outcome = KC_SETTLED;
    }
    kc_partitions_deinit(&part);
    kc_partitions_deinit(&all);
    return outcome;
}

void kc_member_lose(struct kc_member *member)
{
    if (!member->owned.count)
        return;
    kc_partitions_clear(&member->changing);
    tell(member, KC_CHANGE_LOSE, &member->owned);
    member->change_by_ms = KB_NEVER;
}

void kc_member_abandon(struct kc_member *member)
{
    member->flight = 0;
}

void kc_member_complain(struct kc_member *member, const struct kb_error *err)
{
    member->err = *err;
    member->errors++;
}

void kc_member_lease_expired(struct kc_member *member)
{
    const struct kc_consumer_options *options = &member->options->consumer;
    struct kb_error err;
    kb_error_set(&err, KB_E_LEASE_EXPIRED,
                 "left group %s: the application made no progress for max.poll.interval.ms (%d): "
                 "raise it, or call kurier_consumer_extend before slow work",
                 options->group_id, options->max_poll_interval_ms);
    kc_member_complain(member, &err);
}

void kc_member_revoke_expired(struct kc_member *member)
{
    const struct kc_consumer_options *options = &member->options->consumer;
    kb_error_set(&member->trouble, KB_E_TIMED_OUT,
                 "group %s: partitions were not given up within max.poll.interval.ms (%d)",
                 options->group_id, options->max_poll_interval_ms);
}

void kc_member_back_off(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    member->trouble = *why;
    member->not_before_ms = now.mono_ms + kc_backoff_next_ms(&member->backoff, member->random);
}

void kc_member_relax(struct kc_member *member)
{
    kb_error_clear(&member->trouble);
    member->not_before_ms = 0;
    kc_backoff_reset(&member->backoff);
}

bool kc_member_take_id(struct kc_member *member, struct kb_slice id)
{
    if (kb_slice_is(id, member->member_id))
        return true;
    char *copy = kb_strndup((const char *)id.data, id.size);
    if (!copy)
        return false;
    kb_free(member->member_id);
    member->member_id = copy;
    return true;
}

void kc_member_forget_id(struct kc_member *member)
{
    member->member_id[0] = '\0';
    member->generation = -1;
}

void kc_member_want(struct kc_member *member, struct kc_names *wanted)
{
    if (kc_names_equal(&member->wanted, wanted)) {
        kc_names_deinit(wanted);
        return;
    }
    kc_names_move(&member->wanted, wanted);
    member->wanted_version++;
}

bool kc_member_want_topics(struct kc_member *member)
{
    struct kc_names wanted;
    kc_names_init(&wanted);
    if (!kc_names_copy(&wanted, &member->topics))
        return false;
    kc_member_want(member, &wanted);
    return true;
}
