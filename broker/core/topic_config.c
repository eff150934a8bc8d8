/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/topic_config.h"
#include "base/check.h"
#include "broker/core/config.h"
#include "broker/core/topic_rows.h"
#include <inttypes.h>

#define ROW(TYPE, FLAGS, NAME, BROKERS, FIELD, DEFAULT, MIN, MAX, CHOICES, DOC)                    \
    {.key = NAME,                                                                                  \
     .type = KB_OPT_##TYPE,                                                                        \
     .scope = KD_SCOPE_TOPIC,                                                                      \
     .flags = KB_OPT_DYNAMIC | (FLAGS),                                                            \
     .field = offsetof(struct kd_topic_config, FIELD),                                             \
     .value = DEFAULT,                                                                             \
     .min = MIN,                                                                                   \
     .max = MAX,                                                                                   \
     .choices = CHOICES,                                                                           \
     .synonym = BROKERS,                                                                           \
     .doc = DOC},
#define IGNORED(NAME)                                                                              \
    {.key = NAME, .type = KB_OPT_IGNORED, .scope = KD_SCOPE_TOPIC, .flags = KB_OPT_DYNAMIC},

static const struct kb_option rows[] = {KD_TOPIC_ROWS(ROW) KD_TOPIC_IGNORED(IGNORED)};

const struct kb_options *kd_topic_config_table(void)
{
    static const struct kb_options table = {rows, KB_ARRAY_SIZE(rows)};
    return &table;
}

int kd_topic_config_check(const struct kd_topic_config *config, struct kb_error *err)
{
    if (config->gzip_level == 0)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "compression.gzip.level=0: must be a number from 1 to 9, or -1");
    if (config->min_compaction_lag_ms > config->max_compaction_lag_ms)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "min.compaction.lag.ms=%" PRId64
                            " is more than max.compaction.lag.ms=%" PRId64,
                            config->min_compaction_lag_ms, config->max_compaction_lag_ms);
    return 0;
}
