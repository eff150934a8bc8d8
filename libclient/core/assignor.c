/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/assignor.h"
#include "base/check.h"
#include <stdlib.h>

static const struct kc_assignor assignors[] = {
    {"range", false, false, kc_assign_range},
    {"roundrobin", false, false, kc_assign_roundrobin},
    {"sticky", false, true, kc_assign_sticky},
    {"cooperative-sticky", true, true, kc_assign_cooperative},
};

const struct kc_assignor *kc_assignor_find(struct kb_slice name)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(assignors); i++)
        if (kb_slice_is(name, assignors[i].name))
            return &assignors[i];
    return NULL;
}

static int compare(struct kb_slice a, struct kb_slice b)
{
    size_t size = KB_MIN(a.size, b.size);
    int order = size ? memcmp(a.data, b.data, size) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int by_name(const void *a, const void *b, void *ctx)
{
    const struct kc_assign *in = ctx;
    const struct kc_assign_member *x = &in->members[*(const int32_t *)a];
    const struct kc_assign_member *y = &in->members[*(const int32_t *)b];
    if (!x->instance.data != !y->instance.data)
        return x->instance.data ? -1 : 1;
    return x->instance.data ? compare(x->instance, y->instance) : compare(x->id, y->id);
}

void kc_assign_order(const struct kc_assign *in, int32_t *order)
{
    for (size_t i = 0; i < in->member_count; i++)
        order[i] = (int32_t)i;
    qsort_r(order, in->member_count, sizeof *order, by_name, (void *)in);
}

bool kc_assign_subscribed(const struct kc_assign_member *member, int32_t topic)
{
    for (size_t i = 0; i < member->topic_count; i++)
        if (member->topics[i] == topic)
            return true;
    return false;
}

bool kc_assign_beside(const struct kc_assign *in, int32_t member, int32_t topic, int32_t partition)
{
    const uint64_t *racks = in->topics[topic].racks;
    int rack = in->members[member].rack;
    return racks && rack >= 0 && racks[partition] >> rack & 1;
}
