/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats, goodbyes and questions for names: what is sent, and what answers mean. */
#include "base/arena.h"
#include "base/check.h"
#include "base/uuid.h"
#include "libclient/core/group/modern.h"

enum { EPOCH_JOIN = 0, EPOCH_LEAVE = -1, EPOCH_LEAVE_STATIC = -2 };

typedef struct kw_consumer_group_heartbeat_request beat_request;
typedef struct kw_consumer_group_heartbeat_response beat_response;

/* ---- What a heartbeat says ---- */

/* Ours for life: so the coordinator knows a join that comes again for what it is. */
static bool have_id(struct kc_member *member)
{
    char text[KB_UUID_TEXT];
    if (*member->member_id)
        return true;
    kb_uuid_format(kb_uuid_random(member->random), text);
    return kc_member_take_id(member, kb_slice_str(text));
}

static struct kb_slice text_or_null(const char *text)
{
    return text && *text ? kb_slice_str(text) : kb_slice_null();
}

static void say_who(const struct kc_member *member, int32_t epoch, beat_request *beat)
{
    const struct kc_consumer_options *options = &member->options->consumer;
    kw_consumer_group_heartbeat_request_init(beat);
    beat->group_id = kb_slice_str(options->group_id);
    beat->member_id = kb_slice_str(member->member_id);
    beat->member_epoch = epoch;
    beat->instance_id = text_or_null(options->group_instance_id);
}

/* A pattern and the names it matches now: which of them is sent is the version's
 * to say (member_request.c). No names, or an empty pattern, take back what was
 * said before. */
static void say_subscription(struct kc_member *member, struct kb_arena *arena, beat_request *beat)
{
    struct kc_modern *modern = kc_modern_of(member);
    size_t count = member->topics.count;
    struct kb_slice *names = kb_arena_array(arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count && names; i++)
        names[i] = kb_slice_str(member->topics.names[i]);
    beat->subscribed_topic_names = names;
    beat->subscribed_topic_names_count = (int32_t)count;
    modern->patterns |= member->regex != NULL;
    if (modern->patterns)
        beat->subscribed_topic_regex = kb_slice_str(member->regex ? member->regex : "");
}

/* Rows of one topic stand together. */
static void say_owned(const struct kc_partitions *owned, struct kb_arena *arena, beat_request *beat)
{
    struct kw_consumer_group_heartbeat_request_topic *topics =
        kb_arena_array(arena, owned->count + 1, sizeof *topics);
    int32_t *partitions = kb_arena_array(arena, owned->count + 1, sizeof *partitions);
    beat->topic_partitions = topics;
    beat->topic_partitions_count = 0;
    for (size_t i = 0; i < owned->count && topics && partitions; i++) {
        const struct kc_place *row = &owned->rows[i];
        if (i == 0 || !kb_uuid_equal(row->id, row[-1].id)) {
            topics = &beat->topic_partitions[beat->topic_partitions_count++];
            topics->topic_id = row->id;
            topics->partitions = &partitions[i];
        }
        partitions[i] = row->partition;
        topics->partitions_count++;
    }
}

static void say_rest(const struct kc_member *member, beat_request *beat)
{
    const struct kc_consumer_options *options = &member->options->consumer;
    beat->rack_id = text_or_null(options->client_rack);
    beat->rebalance_timeout_ms = options->max_poll_interval_ms;
    beat->server_assignor = text_or_null(options->group_remote_assignor);
}

/* ---- Planning ---- */

static bool plan_goodbye(struct kc_member *member, struct kc_member_request *out)
{
    bool stays =
        kc_member_is_static(member) && (member->subscribed || member->leave_how != KC_LEAVE_TELL);
    out->api_key = KW_API_CONSUMER_GROUP_HEARTBEAT;
    say_who(member, stays ? EPOCH_LEAVE_STATIC : EPOCH_LEAVE, &out->beat);
    return true;
}

static bool plan_beat(struct kc_member *member, struct kb_arena *arena,
                      struct kc_member_request *out)
{
    static const struct kc_partitions nothing;
    struct kc_modern *modern = kc_modern_of(member);
    bool join = modern->phase == KC_MODERN_JOIN, all = join || modern->all;
    if (!have_id(member))
        return false;
    out->api_key = KW_API_CONSUMER_GROUP_HEARTBEAT;
    say_who(member, join ? EPOCH_JOIN : member->generation, &out->beat);
    if (all || modern->tell_owned)
        say_owned(join ? &nothing : &member->owned, arena, &out->beat);
    if (all || modern->told_version != member->topics_version)
        say_subscription(member, arena, &out->beat);
    if (all)
        say_rest(member, &out->beat);
    if (arena->failed)
        return false;
    modern->all = modern->tell_owned = false;
    modern->told_version = member->topics_version;
    modern->known = true;
    return true;
}

/* Each id once; rows of one stand together. */
static bool plan_names(struct kc_member *member, struct kb_arena *arena,
                       struct kc_member_request *out)
{
    const struct kc_partitions *unnamed = &kc_modern_of(member)->unnamed;
    struct kw_metadata_request *metadata = &out->metadata;
    out->api_key = KW_API_METADATA;
    kw_metadata_request_init(metadata);
    metadata->allow_auto_topic_creation = false;
    metadata->topics = kb_arena_array(arena, unnamed->count, sizeof *metadata->topics);
    metadata->topics_count = 0;
    for (size_t i = 0; i < unnamed->count && metadata->topics; i++)
        if (i == 0 || !kb_uuid_equal(unnamed->rows[i].id, unnamed->rows[i - 1].id))
            metadata->topics[metadata->topics_count++] =
                (struct kw_metadata_request_topic){.topic_id = unnamed->rows[i].id};
    return !arena->failed;
}

static int64_t beat_due_ms(const struct kc_member *member)
{
    const struct kc_modern *modern = kc_modern_of(member);
    bool something =
        modern->all || modern->tell_owned || modern->told_version != member->topics_version;
    return something || modern->phase == KC_MODERN_JOIN ? 0 : modern->beat_ms;
}

static int64_t names_due_ms(const struct kc_modern *modern)
{
    return modern->phase == KC_MODERN_IN && modern->unnamed.count ? modern->names_ms : KB_NEVER;
}

int64_t kc_modern_due_ms(const struct kc_member *member)
{
    const struct kc_modern *modern = kc_modern_of(member);
    int64_t due_ms = KB_NEVER;
    if (modern->goodbye)
        due_ms = 0;
    else if (modern->phase == KC_MODERN_JOIN || modern->phase == KC_MODERN_IN)
        due_ms = KB_MIN(beat_due_ms(member), names_due_ms(modern));
    return KB_MAX(due_ms, member->not_before_ms);
}

bool kc_modern_plan(struct kc_member *member, struct kb_time now, struct kb_arena *arena,
                    struct kc_member_request *out)
{
    struct kc_modern *modern = kc_modern_of(member);
    bool planned;
    if (now.mono_ms < kc_modern_due_ms(member))
        return false;
    *out = (struct kc_member_request){.timeout_ms = member->options->common.request_timeout_ms};
    if (modern->goodbye)
        planned = plan_goodbye(member, out);
    else if (now.mono_ms >= beat_due_ms(member))
        planned = plan_beat(member, arena, out);
    else
        planned = plan_names(member, arena, out);
    modern->sent_ms = now.mono_ms;
    if (!planned)
        member->not_before_ms = now.mono_ms + member->options->common.retry_backoff_ms;
    return planned;
}

/* ---- What a code means ---- */

enum verdict {
    AGAIN,  /* after a while */
    MOVED,  /* likewise, of another coordinator */
    FENCED, /* we are no member any more */
    HELD,   /* our instance id is taken */
    REFUSED
};

static enum verdict verdict_of(const struct kc_member *member, int code)
{
    static const struct {
        int16_t code;
        enum verdict verdict;
    } rows[] = {
        {KB_E_NOT_COORDINATOR, MOVED},
        {KB_E_COORDINATOR_NOT_AVAILABLE, MOVED},
        {KB_E_UNKNOWN_MEMBER_ID, FENCED},
        {KB_E_FENCED_MEMBER_EPOCH, FENCED},
        {KB_E_GROUP_ID_NOT_FOUND, FENCED},
        {KB_E_STALE_MEMBER_EPOCH, FENCED},
        {KB_E_UNRELEASED_INSTANCE_ID, HELD},
        /* Apache Kafka's word for a fault of its own, which may pass: while a group turns
         * from one protocol to the other, say. */
        {KB_E_UNKNOWN_SERVER_ERROR, AGAIN},
    };
    if (kc_modern_of(member)->phase == KC_MODERN_JOIN && code == KB_E_GROUP_ID_NOT_FOUND)
        return REFUSED; /* a group of another kind */
    for (size_t i = 0; i < KB_ARRAY_SIZE(rows); i++)
        if (rows[i].code == code)
            return rows[i].verdict;
    return kb_code_classes(code) & KB_RETRIABLE ? AGAIN : REFUSED;
}

static bool is_unsupported(int code)
{
    return code == KB_E_UNSUPPORTED_VERSION || code == KB_E_UNSUPPORTED;
}

static struct kb_error words(const struct kc_member *member, int code, struct kb_slice message)
{
    const char *group = member->options->consumer.group_id;
    struct kb_error err;
    if (is_unsupported(code))
        kb_error_set(&err, KB_E_UNSUPPORTED,
                     "group %s: its coordinator does not offer group.protocol=consumer", group);
    else if (code == KB_E_GROUP_ID_NOT_FOUND && kc_modern_of(member)->phase == KC_MODERN_JOIN)
        kb_error_set(&err, code, "group %s is not of the consumer protocol, and cannot become so",
                     group);
    else if (message.size > 0)
        kb_error_set(&err, code, "group %s: %.*s", group, (int)KB_MIN(message.size, (size_t)180),
                     (const char *)message.data);
    else
        kb_error_set(&err, code, "group %s: %s", group, kb_code_text(code));
    return err;
}

/* ---- A heartbeat that was answered ---- */

/* How long the coordinator waits for us is its own setting: ours is a guess, which
 * its interval corrects. */
static int64_t session_timeout_ms(const struct kc_member *member)
{
    return KB_MAX((int64_t)member->options->consumer.session_timeout_ms,
                  (int64_t)3 * kc_modern_of(member)->interval_ms);
}

/* A coordinator of the preview (v0) may name the member itself. */
static bool take_all(struct kc_member *member, const beat_response *beat)
{
    return beat->member_epoch > 0 &&
           (!beat->member_id.size || kc_member_take_id(member, beat->member_id)) &&
           (!beat->assignment || kc_modern_assigned(member, beat->assignment));
}

/* Of what was said we do not know what was heard: all is said again. */
static void unheard(struct kc_member *member)
{
    struct kc_modern *modern = kc_modern_of(member);
    modern->all = true;
    modern->ghost |= modern->phase == KC_MODERN_JOIN;
}

static void accepted(struct kc_member *member, struct kb_time now, const beat_response *beat)
{
    struct kc_modern *modern = kc_modern_of(member);
    if (!take_all(member, beat)) {
        struct kb_error err;
        kb_error_set(&err, beat->member_epoch > 0 ? KB_E_NO_MEMORY : KB_E_PROTOCOL,
                     "group %s: the coordinator's answer could not be taken in",
                     member->options->consumer.group_id);
        unheard(member);
        kc_member_back_off(member, now, &err);
        return;
    }
    if (beat->heartbeat_interval_ms > 0)
        modern->interval_ms = beat->heartbeat_interval_ms;
    modern->phase = KC_MODERN_IN;
    modern->ghost = false;
    member->generation = beat->member_epoch;
    modern->beat_ms = modern->sent_ms + modern->interval_ms;
    modern->session_ms = now.mono_ms + session_timeout_ms(member);
    kc_member_relax(member);
}

/* `auto` goes on with the other protocol, where this one is not to be had. */
static void refused(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    bool none = is_unsupported(why->code) || why->code == KB_E_GROUP_ID_NOT_FOUND;
    if (none && kc_modern_of(member)->phase == KC_MODERN_JOIN &&
        member->made_as == &kc_member_auto && kc_member_switch(member, now, &kc_member_classic))
        return;
    kc_modern_fail(member, why);
}

/* If it may be we who hold it (a join whose answer was lost, a member that was
 * fenced), we let go of it first. Else its holder has to, or its session to end. */
static void held(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    struct kc_modern *modern = kc_modern_of(member);
    modern->goodbye = modern->ghost;
    modern->ghost = false;
    member->leave_by_ms = kb_deadline(now, member->options->common.request_timeout_ms);
    if (!modern->goodbye)
        kc_member_back_off(member, now, why);
}

static void not_accepted(struct kc_member *member, struct kb_time now, const beat_response *beat)
{
    struct kb_error err = words(member, beat->error_code, beat->error_message);
    kc_modern_of(member)->all = true;
    switch (verdict_of(member, beat->error_code)) {
    case MOVED:
        member->coordinator_known = false;
        kc_member_back_off(member, now, &err);
        break;
    case AGAIN:
        kc_member_back_off(member, now, &err);
        break;
    case FENCED:
        kc_member_back_off(member, now, &err);
        if (kc_modern_of(member)->phase == KC_MODERN_IN)
            kc_modern_lost(member);
        break;
    case HELD:
        held(member, now, &err);
        break;
    case REFUSED:
        refused(member, now, &err);
        break;
    }
}

/* Another try, until leave_by_ms. */
static void goodbye_answered(struct kc_member *member, struct kb_time now, int code)
{
    enum verdict verdict = code ? verdict_of(member, code) : REFUSED;
    struct kb_error err = words(member, code, kb_slice_null());
    if (verdict == MOVED)
        member->coordinator_known = false;
    if (verdict == MOVED || verdict == AGAIN)
        kc_member_back_off(member, now, &err);
    else
        kc_modern_gone(member);
}

static void ask_names_later(struct kc_member *member, struct kb_time now)
{
    struct kc_modern *modern = kc_modern_of(member);
    modern->names_ms = now.mono_ms + kc_backoff_next_ms(&modern->names_backoff, member->random);
}

void kc_modern_answer(struct kc_member *member, struct kb_time now,
                      const struct kc_member_response *response)
{
    const struct kc_member_kind *kind = member->kind;
    if (response->api_key == KW_API_METADATA) {
        ask_names_later(member, now);
        kc_modern_name(member, &response->metadata);
    } else if (kc_modern_of(member)->goodbye) {
        goodbye_answered(member, now, response->beat.error_code);
    } else if (response->beat.error_code) {
        not_accepted(member, now, &response->beat);
    } else {
        accepted(member, now, &response->beat);
    }
    if (member->kind == kind)
        kc_modern_proceed(member, now);
}

void kc_modern_failure(struct kc_member *member, struct kb_time now, const struct kb_error *why)
{
    const struct kc_member_kind *kind = member->kind;
    if (member->flight_api == KW_API_METADATA) {
        ask_names_later(member, now);
    } else if (why->code == KB_E_UNSUPPORTED && !kc_modern_of(member)->goodbye) {
        struct kb_error err = words(member, why->code, kb_slice_null());
        refused(member, now, &err);
    } else {
        unheard(member);
        kc_member_back_off(member, now, why);
    }
    if (member->kind == kind)
        kc_modern_proceed(member, now);
}
