/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/config.h"
#include "broker/core/group/modern/assign.h"
#include "base/check.h"
#include <string.h>

bool kd_config_init(struct kd_config *config)
{
    memset(config, 0, sizeof *config);
    return kb_options_default(kd_config_table(), config);
}

void kd_config_deinit(struct kd_config *config)
{
    kb_options_free(kd_config_table(), config);
}

/* listener.name.NAME.KEY sets KEY for one listener: known to Kafka as a family. */
static bool is_listener_key(const char *key)
{
    return !strncmp(key, "listener.name.", 14);
}

static int unknown_key(const char *key, struct kb_error *err)
{
    const char *near = kb_options_nearest(kd_config_table(), key);
    if (near)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "unknown configuration key '%s'; did you mean '%s'?", key, near);
    return kb_error_set(err, KB_E_BAD_CONFIG, "unknown configuration key '%s'", key);
}

int kd_config_set(struct kd_config *config, const char *key, const char *value, struct kb_log *log,
                  struct kb_error *err)
{
    const struct kb_options *table = kd_config_table();
    const struct kb_option *row = kb_options_find(table, key);
    if (!row && !is_listener_key(key))
        return unknown_key(key, err);
    if (!row || row->type == KB_OPT_IGNORED) {
        KB_LOG(log, KB_LOG_WARN, "config", "key is known to Kafka but means nothing here key=%s",
               key);
        return 0;
    }
    int code = kb_options_set(table, config, key, value, err);
    if (code)
        return code;
    if (row->flags & KB_OPT_LATER)
        KB_LOG(log, KB_LOG_WARN, "config", "key is kept, but nothing acts on it yet key=%s", key);
    config->given[row - table->rows] = true;
    return 0;
}

struct load {
    struct kd_config *config;
    struct kb_log *log;
};

static int load_property(void *ctx, const char *key, const char *value, int line,
                         struct kb_error *err)
{
    struct load *load = ctx;
    struct kb_error why;
    kb_error_clear(&why);
    int code = kd_config_set(load->config, key, value, load->log, &why);
    return code ? kb_error_set(err, code, "line %d: %s", line, why.text) : 0;
}

int kd_config_load(struct kd_config *config, char *text, size_t size, struct kb_log *log,
                   struct kb_error *err)
{
    struct load load = {config, log};
    return kb_properties_parse(text, size, load_property, &load, err);
}

enum kb_level kd_config_log_level(const struct kd_config *config)
{
    static const enum kb_level levels[] = {KB_LOG_ERROR, KB_LOG_WARN, KB_LOG_INFO, KB_LOG_DEBUG};
    return levels[config->log_level];
}

bool kd_config_is_given(const struct kd_config *config, const struct kb_option *row)
{
    return config->given[row - kd_config_table()->rows];
}

/* Kafka's coarser keys count where the finer ones are not set. */
static const struct {
    const char *fine, *coarse;
} coarser[] = {
    {"log.retention.ms", "log.retention.minutes"},
    {"log.retention.minutes", "log.retention.hours"},
    {"log.roll.ms", "log.roll.hours"},
};

const struct kb_option *kd_config_coarser(const struct kb_option *row)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(coarser); i++)
        if (!strcmp(coarser[i].fine, row->key))
            return kb_options_find(kd_config_table(), coarser[i].coarse);
    return NULL;
}

static bool given(const struct kd_config *config, const char *key)
{
    return kd_config_is_given(config, kb_options_find(kd_config_table(), key));
}

static int64_t scaled(int32_t value, int64_t unit_ms)
{
    return value < 0 ? -1 : value * unit_ms;
}

static void settle_times(struct kd_config *config)
{
    if (!given(config, "log.retention.ms")) {
        if (given(config, "log.retention.minutes"))
            config->topic.retention_ms = scaled(config->retention_minutes, 60000);
        else if (given(config, "log.retention.hours"))
            config->topic.retention_ms = scaled(config->retention_hours, 3600000);
    }
    if (!given(config, "log.roll.ms") && given(config, "log.roll.hours"))
        config->topic.segment_ms = scaled(config->roll_hours, 3600000);
}

static int check_within(const char *key, int32_t value, const char *min_key, int32_t min,
                        const char *max_key, int32_t max, struct kb_error *err)
{
    if (value < min)
        return kb_error_set(err, KB_E_BAD_CONFIG, "%s=%d is below %s=%d", key, value, min_key, min);
    if (value > max)
        return kb_error_set(err, KB_E_BAD_CONFIG, "%s=%d is above %s=%d", key, value, max_key, max);
    return 0;
}

static int check_assignors(const struct kd_config *config, struct kb_error *err)
{
    const struct kd_assignor *assignors[KD_ASSIGNORS];
    if (!kd_assignors_parse(config->consumer_assignors, assignors))
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "group.consumer.assignors=%s: name uniform, range or both, each once",
                            config->consumer_assignors);
    return 0;
}

static int check_consumer_groups(const struct kd_config *config, struct kb_error *err)
{
    int code =
        check_within("group.consumer.session.timeout.ms", config->consumer_session_ms,
                     "group.consumer.min.session.timeout.ms", config->consumer_min_session_ms,
                     "group.consumer.max.session.timeout.ms", config->consumer_max_session_ms, err);
    if (!code)
        code = check_within(
            "group.consumer.heartbeat.interval.ms", config->consumer_heartbeat_ms,
            "group.consumer.min.heartbeat.interval.ms", config->consumer_min_heartbeat_ms,
            "group.consumer.max.heartbeat.interval.ms", config->consumer_max_heartbeat_ms, err);
    if (!code && config->consumer_heartbeat_ms >= config->consumer_session_ms)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "group.consumer.heartbeat.interval.ms=%d is not below "
                            "group.consumer.session.timeout.ms=%d",
                            config->consumer_heartbeat_ms, config->consumer_session_ms);
    return code ? code : check_assignors(config, err);
}

int kd_config_settle(struct kd_config *config, struct kb_error *err)
{
    settle_times(config);
    if (!config->log_dirs || !*config->log_dirs)
        return kb_error_set(err, KB_E_BAD_CONFIG, "log.dirs is empty: name one directory");
    if (strchr(config->log_dirs, ','))
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "log.dirs=%s names several directories; a broker here has one",
                            config->log_dirs);
    int code = check_consumer_groups(config, err);
    return code ? code : kd_topic_config_check(&config->topic, err);
}
