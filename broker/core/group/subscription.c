/* SPDX-License-Identifier: Apache-2.0 */
/* What consumers say of themselves in the metadata of their protocols: a version,
 * then the topics; the rest is for their assignors. */
#include "broker/core/group/modern/modern.h"
#include "wire/reader.h"

bool kd_group_is_consumer(const struct kd_group *group)
{
    return group->modern || kb_slice_is(group->protocol_type, "consumer");
}

/* Metadata that cannot be read may mean any topic. */
static bool names(struct kb_slice metadata, struct kb_slice topic)
{
    struct kw_reader r = kw_reader_of(metadata);
    kw_read_i16(&r);
    int32_t count = kw_read_i32(&r);
    for (int32_t i = 0; i < count; i++) {
        struct kb_slice name = kw_read_str(&r, false, false);
        if (!kw_reader_ok(&r))
            break;
        if (kb_slice_equal(name, topic))
            return true;
    }
    return !kw_reader_ok(&r);
}

bool kd_group_subscribes(const struct kd_group *group, struct kb_slice topic)
{
    if (group->modern)
        return kd_modern_wanted(group, topic);
    KB_LIST_EACH(at, &group->order) {
        const struct kd_member *member = KB_CONTAINER(at, struct kd_member, link);
        for (size_t i = 0; i < member->protocol_count; i++)
            if (names(member->protocols[i].metadata, topic))
                return true;
    }
    return false;
}
