/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_OPTIONS_FOREIGN_H
#define KC_OPTIONS_FOREIGN_H
/*
 * The options beside those of librdkafka (2.16) and of Kafka's Java clients
 * (4.3): for doc/client-configuration.md, and for whoever brings a
 * configuration of theirs. tests/peers/options_test.py asks both whether it is
 * still true.
 */
#include <stdbool.h>
#include <stddef.h>

/* A key of ours elsewhere. */
struct kc_option_peers {
    const char *key;
    const char *librdkafka, *java; /* default; NULL: no such key, "": unset */
    const char *why;               /* ours is another; else NULL */
};

/* By a key of kc_options_table; every one has a row. */
const struct kc_option_peers *kc_option_peers(const char *key);

enum kc_whose { KC_OF_LIBRDKAFKA = 1, KC_OF_JAVA = 2, KC_OF_BOTH = 3 };

/* A key, or a pattern of keys, that is not ours. */
struct kc_foreign_option {
    const char *key; /* '*' stands for anything */
    enum kc_whose whose;
    const char *instead;
};

extern const struct kc_foreign_option kc_foreign_options[];
extern const size_t kc_foreign_options_count;

/* NULL: nobody's. */
const struct kc_foreign_option *kc_foreign_option_find(const char *key);
const char *kc_whose_name(enum kc_whose whose); /* "librdkafka", "Java" ... */

#endif
