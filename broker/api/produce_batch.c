/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/produce_batch.h"

/* compression.type, in the order of its choices: producer, uncompressed, ... */
static const int codec_of_choice[] = {-1,           KW_CODEC_NONE, KW_CODEC_GZIP, KW_CODEC_SNAPPY,
                                      KW_CODEC_LZ4, KW_CODEC_ZSTD};

static int check_size(const struct kd_admission *a, struct kb_error *err)
{
    const struct kd_topic_config *config = &a->topic->config;
    if (a->records.size == 0)
        return kb_error_set(err, KB_E_INVALID_RECORD, "no record batch");
    if (a->records.size > (size_t)config->max_message_bytes)
        return kb_error_set(err, KB_E_MESSAGE_TOO_LARGE,
                            "%zu bytes are more than max.message.bytes=%d", a->records.size,
                            config->max_message_bytes);
    if (a->records.size > (size_t)config->segment_bytes)
        return kb_error_set(err, KB_E_RECORD_LIST_TOO_LARGE,
                            "%zu bytes are more than segment.bytes=%d", a->records.size,
                            config->segment_bytes);
    return 0;
}

/* What a record's timestamp may be; the log's own time replaces any. */
static void set_times(const struct kd_admission *a, struct kw_produce_rules *rules)
{
    const struct kd_topic_config *config = &a->topic->config;
    if (config->timestamp_type == KD_LOG_APPEND_TIME)
        return;
    if (config->timestamp_before_max_ms < a->wall_ms)
        rules->oldest_ms = a->wall_ms - config->timestamp_before_max_ms;
    if (config->timestamp_after_max_ms < INT64_MAX - a->wall_ms)
        rules->newest_ms = a->wall_ms + config->timestamp_after_max_ms;
}

static int level_of(const struct kd_topic_config *config, int codec)
{
    switch (codec) {
    case KW_CODEC_GZIP:
        return config->gzip_level;
    case KW_CODEC_LZ4:
        return config->lz4_level;
    case KW_CODEC_ZSTD:
        return config->zstd_level;
    default:
        return kw_codec_info((enum kw_codec)codec)->default_level;
    }
}

/* With the log's time, or with the max timestamp that its records have. */
static void restamp(struct kd_admission *a, uint8_t *batch, const struct kw_produce_facts *facts)
{
    struct kw_batch_header *header = &a->batch.header;
    bool append_time = a->topic->config.timestamp_type == KD_LOG_APPEND_TIME;
    a->append_time_ms = append_time ? a->wall_ms : -1;
    if (!append_time && header->max_timestamp_ms == facts->max_timestamp_ms)
        return;
    header->max_timestamp_ms = append_time ? a->wall_ms : facts->max_timestamp_ms;
    if (append_time)
        header->attributes |= KW_BATCH_LOG_APPEND_TIME;
    kw_batch_restamp(batch, header);
}

/* As the topic wants it: another codec, the log's own time. */
static int make_fit(struct kd_shard *shard, struct kd_admission *a,
                    const struct kw_produce_facts *facts, struct kb_error *err)
{
    const struct kd_topic_config *config = &a->topic->config;
    int codec = codec_of_choice[config->compression_type];
    uint8_t *bytes = a->frame->data + (a->batch.bytes.data - a->frame->data);
    if (codec < 0 || codec == (int)kw_batch_header_codec(&a->batch.header)) {
        a->buf = kb_buf_ref(a->frame);
    } else {
        int code = kw_produce_repack(shard->codec, &a->batch, facts->plain, (enum kw_codec)codec,
                                     level_of(config, codec), &a->buf, err);
        if (!code)
            code = kw_batch_parse(kb_buf_view(a->buf), &a->batch, err);
        if (code)
            return code;
        bytes = a->buf->data;
    }
    restamp(a, bytes, facts);
    return 0;
}

int kd_produce_admit(struct kd_shard *shard, struct kd_admission *a, struct kb_error *err)
{
    struct kw_produce_facts facts;
    struct kw_produce_rules rules;
    kw_produce_rules_init(&rules);
    rules.max_plain_bytes = (size_t)shard->config->request_max_bytes;
    rules.keys_required = a->topic->config.cleanup & KD_CLEANUP_COMPACT;
    rules.zstd_allowed = a->produce_version >= 7;
    set_times(a, &rules);
    a->buf = NULL;
    int code = check_size(a, err);
    if (!code)
        code = kw_batch_parse(a->records, &a->batch, err);
    if (!code)
        code = kw_produce_check(shard->codec, &a->batch, &rules, &facts, err);
    if (!code && (a->batch.header.attributes & KW_BATCH_TRANSACTIONAL))
        code = kb_error_set(err, KB_E_INVALID_TXN_STATE, "transactions are not served");
    if (!code)
        code = make_fit(shard, a, &facts, err);
    if (code) {
        kb_buf_unref(a->buf);
        a->buf = NULL;
        kw_codec_ctx_trim(shard->codec); /* it may have been a bomb */
    }
    return code;
}
