/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/options_foreign.h"

#include "base/check.h"

#include <string.h>

static const struct kc_option_peers peers[] = {
#define PEER(key, librdkafka, java, why) {key, librdkafka, java, why},
#include "libclient/core/options_peers.def"
#undef PEER
};

const struct kc_foreign_option kc_foreign_options[] = {
#define FOREIGN(key, whose, instead) {key, KC_OF_##whose, instead},
#include "libclient/core/options_foreign.def"
#undef FOREIGN
};

const size_t kc_foreign_options_count = KB_ARRAY_SIZE(kc_foreign_options);

const struct kc_option_peers *kc_option_peers(const char *key)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(peers); i++)
        if (!strcmp(peers[i].key, key))
            return &peers[i];
    return NULL;
}

/* A star stands for anything. */
static bool fits(const char *pattern, const char *key)
{
    size_t head = strcspn(pattern, "*");
    if (!pattern[head])
        return !strcmp(pattern, key);
    if (strncmp(pattern, key, head))
        return false;
    pattern += head + 1;
    for (key += head; *key; key++)
        if (fits(pattern, key))
            return true;
    return fits(pattern, key);
}

const struct kc_foreign_option *kc_foreign_option_find(const char *key)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(kc_foreign_options); i++)
        if (fits(kc_foreign_options[i].key, key))
            return &kc_foreign_options[i];
    return NULL;
}

const char *kc_whose_name(enum kc_whose whose)
{
    static const char *const names[] = {[KC_OF_LIBRDKAFKA] = "librdkafka",
                                        [KC_OF_JAVA] = "Java",
                                        [KC_OF_BOTH] = "librdkafka and Java"};
    return names[whose];
}
