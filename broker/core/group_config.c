/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/group_config.h"
#include "base/check.h"

#define ROW(NAME, BROKERS, FIELD, DEFAULT, MIN, DOC)                                               \
    {                                                                                              \
        .key = NAME, .type = KB_OPT_INT, .scope = KD_SCOPE_GROUP, .flags = KB_OPT_DYNAMIC,         \
        .field = offsetof(struct kd_group_config, FIELD), .value = DEFAULT, .min = MIN,            \
        .max = INT32_MAX, .synonym = BROKERS, .doc = DOC                                           \
    }
#define IGNORED(NAME)                                                                              \
    {                                                                                              \
        .key = NAME, .type = KB_OPT_IGNORED, .scope = KD_SCOPE_GROUP, .flags = KB_OPT_DYNAMIC      \
    }

static const struct kb_option rows[] = {
    ROW("consumer.session.timeout.ms", "group.consumer.session.timeout.ms", session_ms, "45000", 1,
        "A member that is not heard for this long has left."),
    ROW("consumer.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms", heartbeat_ms,
        "5000", 1, "How often members are to be heard."),
    ROW("consumer.assignment.interval.ms", "group.consumer.assignment.interval.ms",
        assignment_interval_ms, "0", 0,
        "How long after the group's partitions were assigned they may be again."),
    IGNORED("consumer.assignor.offload.enable"),
    IGNORED("share.auto.offset.reset"),
    IGNORED("share.heartbeat.interval.ms"),
    IGNORED("share.isolation.level"),
    IGNORED("share.record.lock.duration.ms"),
    IGNORED("share.session.timeout.ms"),
    IGNORED("streams.heartbeat.interval.ms"),
    IGNORED("streams.num.standby.replicas"),
    IGNORED("streams.session.timeout.ms"),
};

const struct kb_options *kd_group_config_table(void)
{
    static const struct kb_options table = {rows, KB_ARRAY_SIZE(rows)};
    return &table;
}

void kd_group_config_make(const struct kd_config *broker, const struct kd_overrides *own,
                          struct kd_group_config *out)
{
    struct kb_error err;
    *out = (struct kd_group_config){broker->consumer_session_ms, broker->consumer_heartbeat_ms,
                                    broker->consumer_assignment_interval_ms};
    for (size_t i = 0; i < own->count; i++)
        kb_options_set(&(struct kb_options){rows, KB_ARRAY_SIZE(rows)}, out, own->entries[i].key,
                       own->entries[i].value, &err);
}

static int check_within(const char *key, int32_t value, int32_t min, int32_t max,
                        struct kb_error *err)
{
    if (value >= min && value <= max)
        return 0;
    return kb_error_set(err, KB_E_BAD_CONFIG, "%s=%d: this broker allows %d to %d", key, value, min,
                        max);
}

int kd_group_config_check(const struct kd_config *broker, const struct kd_group_config *config,
                          struct kb_error *err)
{
    int code = check_within("consumer.session.timeout.ms", config->session_ms,
                            broker->consumer_min_session_ms, broker->consumer_max_session_ms, err);
    if (!code)
        code =
            check_within("consumer.heartbeat.interval.ms", config->heartbeat_ms,
                         broker->consumer_min_heartbeat_ms, broker->consumer_max_heartbeat_ms, err);
    if (!code && config->heartbeat_ms >= config->session_ms)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "consumer.heartbeat.interval.ms=%d is not below "
                            "consumer.session.timeout.ms=%d",
                            config->heartbeat_ms, config->session_ms);
    return code;
}
