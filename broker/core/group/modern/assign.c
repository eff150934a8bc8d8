/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group/modern/assign.h"
#include "base/check.h"

static const struct kd_assignor assignors[KD_ASSIGNORS] = {
    {"uniform", kd_assign_uniform},
    {"range", kd_assign_range},
};

static const struct kd_assignor *find(struct kb_slice name)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(assignors); i++)
        if (kb_slice_is(name, assignors[i].name))
            return &assignors[i];
    return NULL;
}

/* The next name without blanks around it; *list is behind it. */
static struct kb_slice next_name(const char **list)
{
    const char *from = *list + strspn(*list, " ");
    size_t size = strcspn(from, ", ");
    *list = from + size;
    *list += strspn(*list, " ");
    *list += **list == ',';
    return kb_slice_of(from, size);
}

bool kd_assignors_parse(const char *list, const struct kd_assignor *out[KD_ASSIGNORS])
{
    size_t count = 0;
    memset(out, 0, KD_ASSIGNORS * sizeof(*out));
    while (list && *list) {
        const struct kd_assignor *found = find(next_name(&list));
        for (size_t i = 0; found && i < count; i++)
            found = out[i] == found ? NULL : found;
        if (!found)
            return false;
        out[count++] = found;
    }
    return count > 0;
}
