/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_MEMBER_REQUEST_H
#define KC_MEMBER_REQUEST_H
/*
 * What a member asks its coordinator, and what it hears: unions by api key, and
 * their codecs, so that a driver sends and reads them without knowing which.
 */
#include "wire/api.h"
#include "wire/gen/consumer_group_describe.h"
#include "wire/gen/consumer_group_heartbeat.h"
#include "wire/gen/describe_groups.h"
#include "wire/gen/heartbeat.h"
#include "wire/gen/join_group.h"
#include "wire/gen/leave_group.h"
#include "wire/gen/metadata.h"
#include "wire/gen/sync_group.h"

struct kb_arena;

struct kc_member_request {
    int16_t api_key;
    bool aside; /* over the control link: it must not queue behind what is parked */
    bool parks; /* the coordinator may hold its answer back: JoinGroup, SyncGroup */
    int32_t timeout_ms;
    union {
        struct kw_join_group_request join;
        struct kw_sync_group_request sync;
        struct kw_heartbeat_request heartbeat;
        struct kw_leave_group_request leave;
        struct kw_describe_groups_request describe;
        struct kw_consumer_group_heartbeat_request beat;
        struct kw_consumer_group_describe_request describe_consumers;
        struct kw_metadata_request metadata; /* names of topics by their ids */
    };
};

struct kc_member_response {
    int16_t api_key, version;
    int32_t throttle_ms;
    union {
        struct kw_join_group_response join;
        struct kw_sync_group_response sync;
        struct kw_heartbeat_response heartbeat;
        struct kw_leave_group_response leave;
        struct kw_describe_groups_response describe;
        struct kw_consumer_group_heartbeat_response beat;
        struct kw_consumer_group_describe_response describe_consumers;
        struct kw_metadata_response metadata;
    };
};

/* The versions that we speak of it. */
void kc_member_versions(int16_t api_key, int16_t *min, int16_t *max);
/* False: no memory, or it says what that version cannot. */
bool kc_member_encode(struct kw_writer *w, int16_t version,
                      const struct kc_member_request *request);
/* False: it cannot be read, or no memory. Views into what is read, and the arena. */
bool kc_member_decode(struct kw_reader *r, int16_t version, struct kb_arena *arena, int16_t api_key,
                      struct kc_member_response *out);

#endif
