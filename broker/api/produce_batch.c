/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/produce_batch.h"

/* compression.type, in the order of its choices: producer, uncompressed, ... */
static const int codec_of_choice[] = {-1,           KW_CODEC_NONE, KW_CODEC_GZIP, KW_CODEC_SNAPPY,
                                      KW_CODEC_LZ4, KW_CODEC_ZSTD};

/* ---- What the topic wants ----------------------------------------------- */

/* What a record's timestamp may be; the log's own time replaces any. */
static void set_times(struct kw_produce_rules *rules, const struct kd_topic_config *config,
                      int64_t wall_ms)
{
    if (config->timestamp_type == KD_LOG_APPEND_TIME)
        return;
    if (config->timestamp_before_max_ms < wall_ms)
        rules->oldest_ms = wall_ms - config->timestamp_before_max_ms;
    if (config->timestamp_after_max_ms < INT64_MAX - wall_ms)
        rules->newest_ms = wall_ms + config->timestamp_after_max_ms;
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
        return codec < 0 ? 0 : kw_codec_info((enum kw_codec)codec)->default_level;
    }
}

void kd_admission_init(struct kd_admission *a, const struct kd_topic *topic,
                       struct kb_slice records, const struct kd_request *request, bool has_txn_id)
{
    const struct kd_topic_config *config = &topic->config;
    int codec = codec_of_choice[config->compression_type];
    *a = (struct kd_admission){.records = records,
                               .frame = request->frame,
                               .max_message_bytes = config->max_message_bytes,
                               .segment_bytes = config->segment_bytes,
                               .codec = codec,
                               .level = level_of(config, codec),
                               .append_time = config->timestamp_type == KD_LOG_APPEND_TIME};
    kw_produce_rules_init(&a->rules);
    a->rules.max_plain_bytes = (size_t)request->shard->config->request_max_bytes;
    a->rules.keys_required = config->cleanup & KD_CLEANUP_COMPACT;
    a->has_txn_id = has_txn_id;
    a->rules.zstd_allowed = request->header.version >= 7;
    set_times(&a->rules, config, kd_request_now(request).wall_ms);
}

void kd_admission_refuse(struct kd_admission *a, int code)
{
    *a = (struct kd_admission){.checked = true, .err.code = code};
}

enum kw_codec kd_admission_codec(const struct kd_admission *a)
{
    struct kw_batch_header header;
    if (a->records.size < KW_BATCH_HEADER_BYTES)
        return KW_CODEC_NONE;
    kw_batch_peek(a->records.data, &header);
    unsigned codec = kw_batch_header_codec(&header);
    return codec < KW_CODECS ? (enum kw_codec)codec : KW_CODEC_NONE;
}

bool kd_admission_repacks(const struct kd_admission *a, enum kw_codec codec)
{
    return a->codec >= 0 && a->codec != (int)codec;
}

/* ---- The check ---------------------------------------------------------- */

static int check_size(const struct kd_admission *a, struct kb_error *err)
{
    if (a->records.size == 0)
        return kb_error_set(err, KB_E_INVALID_RECORD, "no record batch");
    if (a->records.size > (size_t)a->max_message_bytes)
        return kb_error_set(err, KB_E_MESSAGE_TOO_LARGE,
                            "%zu bytes are more than max.message.bytes=%d", a->records.size,
                            a->max_message_bytes);
    if (a->records.size > (size_t)a->segment_bytes)
        return kb_error_set(err, KB_E_RECORD_LIST_TOO_LARGE,
                            "%zu bytes are more than segment.bytes=%d", a->records.size,
                            a->segment_bytes);
    return 0;
}

/* As it came, or in the codec that the topic wants. */
static int make_fit(struct kd_admission *a, struct kw_codec_ctx *codec, struct kb_slice plain,
                    struct kb_error *err)
{
    if (!kd_admission_repacks(a, (enum kw_codec)kw_batch_header_codec(&a->batch.header))) {
        a->buf = kb_buf_ref(a->frame);
        return 0;
    }
    int code =
        kw_produce_repack(codec, &a->batch, plain, (enum kw_codec)a->codec, a->level, &a->buf, err);
    return code ? code : kw_batch_parse(kb_buf_view(a->buf), &a->batch, err);
}

int kd_admission_check(struct kd_admission *a, struct kw_codec_ctx *codec, size_t max_plain_bytes)
{
    struct kw_produce_facts facts = {0};
    struct kw_produce_rules rules = a->rules;
    struct kb_error *err = &a->err;
    kb_error_clear(err);
    rules.max_plain_bytes = KB_MIN(rules.max_plain_bytes, max_plain_bytes);
    int code = check_size(a, err);
    if (!code)
        code = kw_batch_parse(a->records, &a->batch, err);
    if (!code)
        code = kw_produce_check(codec, &a->batch, &rules, &facts, err);
    if (!code && (a->batch.header.attributes & KW_BATCH_TRANSACTIONAL) && !a->has_txn_id)
        code = kb_error_set(err, KB_E_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                            "a transactional batch without a transactional id");
    if (!code)
        code = make_fit(a, codec, facts.plain, err);
    if (code) {
        kb_buf_unref(a->buf);
        a->buf = NULL;
    }
    a->plain_bytes = facts.plain.size;
    a->max_timestamp_ms = facts.max_timestamp_ms;
    a->checked = true;
    return code;
}

/* With the log's time, or with the max timestamp that its records have. */
void kd_admission_stamp(struct kd_admission *a, int64_t wall_ms)
{
    struct kw_batch_header *header = &a->batch.header;
    uint8_t *bytes = a->buf->data + (a->batch.bytes.data - a->buf->data);
    a->append_time_ms = a->append_time ? wall_ms : -1;
    if (!a->append_time && header->max_timestamp_ms == a->max_timestamp_ms)
        return;
    header->max_timestamp_ms = a->append_time ? wall_ms : a->max_timestamp_ms;
    if (a->append_time)
        header->attributes |= KW_BATCH_LOG_APPEND_TIME;
    kw_batch_restamp(bytes, header);
}
