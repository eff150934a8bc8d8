/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/member_request.h"
#include "base/check.h"

struct codec {
    int16_t api_key, min, max;
    bool (*encode)(struct kw_writer *w, int16_t version, const struct kc_member_request *request);
    bool (*decode)(struct kw_reader *r, int16_t version, struct kb_arena *arena,
                   struct kc_member_response *out);
};

#define ENCODE(api, field)                                                                         \
    static bool encode_##field(struct kw_writer *w, int16_t version,                               \
                               const struct kc_member_request *request)                            \
    {                                                                                              \
        return kw_##api##_request_encode(w, version, &request->field);                             \
    }
#define DECODE(api, field)                                                                         \
    static bool decode_##field(struct kw_reader *r, int16_t version, struct kb_arena *arena,       \
                               struct kc_member_response *out)                                     \
    {                                                                                              \
        bool read = kw_##api##_response_decode(r, version, arena, &out->field);                    \
        out->throttle_ms = read ? out->field.throttle_time_ms : 0;                                 \
        return read;                                                                               \
    }

ENCODE(join_group, join)
DECODE(join_group, join)
ENCODE(sync_group, sync)
DECODE(sync_group, sync)
ENCODE(heartbeat, heartbeat)
DECODE(heartbeat, heartbeat)
DECODE(leave_group, leave)
ENCODE(describe_groups, describe)
DECODE(describe_groups, describe)
DECODE(consumer_group_heartbeat, beat)
ENCODE(consumer_group_describe, describe_consumers)
DECODE(consumer_group_describe, describe_consumers)
ENCODE(metadata, metadata)
DECODE(metadata, metadata)

/* Several members at once came with version 3; before, it names one. */
static bool encode_leave(struct kw_writer *w, int16_t version,
                         const struct kc_member_request *request)
{
    struct kw_leave_group_request leave = request->leave;
    if (version < 3) {
        leave.member_id = leave.members[0].member_id;
        leave.members = NULL;
        leave.members_count = 0;
    }
    return kw_leave_group_request_encode(w, version, &leave);
}

/* A pattern came with version 1, and then says more than the names it matches now. */
static bool encode_beat(struct kw_writer *w, int16_t version,
                        const struct kc_member_request *request)
{
    struct kw_consumer_group_heartbeat_request beat = request->beat;
    if (version < 1)
        beat.subscribed_topic_regex = kb_slice_null();
    else if (beat.subscribed_topic_regex.size > 0)
        beat.subscribed_topic_names_count = 0;
    return kw_consumer_group_heartbeat_request_encode(w, version, &beat);
}

static const struct codec codecs[] = {
    {KW_API_JOIN_GROUP, 0, 9, encode_join, decode_join},
    {KW_API_SYNC_GROUP, 0, 5, encode_sync, decode_sync},
    {KW_API_HEARTBEAT, 0, 4, encode_heartbeat, decode_heartbeat},
    {KW_API_LEAVE_GROUP, 0, 5, encode_leave, decode_leave},
    {KW_API_DESCRIBE_GROUPS, 0, 6, encode_describe, decode_describe},
    {KW_API_CONSUMER_GROUP_HEARTBEAT, 0, 1, encode_beat, decode_beat},
    {KW_API_CONSUMER_GROUP_DESCRIBE, 0, 1, encode_describe_consumers, decode_describe_consumers},
    {KW_API_METADATA, 12, 13, encode_metadata, decode_metadata},
};

static const struct codec *find(int16_t api_key)
{
    const struct codec *codec = NULL;
    for (size_t i = 0; i < KB_ARRAY_SIZE(codecs) && !codec; i++)
        if (codecs[i].api_key == api_key)
            codec = &codecs[i];
    KB_CHECK(codec);
    return codec;
}

void kc_member_versions(int16_t api_key, int16_t *min, int16_t *max)
{
    *min = find(api_key)->min;
    *max = find(api_key)->max;
}

bool kc_member_encode(struct kw_writer *w, int16_t version, const struct kc_member_request *request)
{
    return find(request->api_key)->encode(w, version, request);
}

bool kc_member_decode(struct kw_reader *r, int16_t version, struct kb_arena *arena, int16_t api_key,
                      struct kc_member_response *out)
{
    *out = (struct kc_member_response){.api_key = api_key, .version = version};
    return find(api_key)->decode(r, version, arena, out);
}
