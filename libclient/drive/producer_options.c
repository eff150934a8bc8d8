/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/producer.h"

/* Idempotence needs acks=all and at most five requests on their way. What was
 * set by hand wins over the default; two hands that contradict are an error. */
static int settle_idempotence(const struct kc_options *options, int16_t acks, bool *idempotent,
                              struct kb_error *err)
{
    enum { IN_FLIGHT_MOST = 5 };
    const struct kc_producer_options *p = &options->producer;
    const char *against = NULL;
    if (acks != -1)
        against = "acks";
    else if (p->max_in_flight > IN_FLIGHT_MOST)
        against = "max.in.flight.requests.per.connection";
    else if (p->retries == 0)
        against = "retries";
    *idempotent = p->enable_idempotence && !against;
    if (p->enable_idempotence && against && kc_options_given(options, "enable.idempotence"))
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "enable.idempotence=true needs acks=all, retries above 0 and at most "
                            "%d requests in flight; %s says otherwise: drop one of the two",
                            IN_FLIGHT_MOST, against);
    return 0;
}

/* A transaction is of sequences: what turns those off contradicts it. */
static int settle_transactions(const struct kc_options *options, bool idempotent,
                               struct kb_error *err)
{
    const struct kc_producer_options *p = &options->producer;
    if (!p->transactional_id || idempotent)
        return 0;
    return kb_error_set(err, KB_E_BAD_CONFIG,
                        "transactional.id needs enable.idempotence=true, acks=all, retries above "
                        "0 and at most 5 requests in flight: drop what says otherwise");
}

int kc_producer_options(const struct kc_options *options, struct kc_send_options *out,
                        bool *idempotence_off, struct kb_error *err)
{
    static const int16_t acks[] = {
        [KC_ACKS_ALL] = -1, [KC_ACKS_MINUS_ONE] = -1, [KC_ACKS_NONE] = 0, [KC_ACKS_LEADER] = 1};
    const struct kc_producer_options *p = &options->producer;
    bool idempotent;
    int code = settle_idempotence(options, acks[p->acks], &idempotent, err);
    if (!code)
        code = settle_transactions(options, idempotent, err);
    if (code)
        return code;
    *idempotence_off = p->enable_idempotence && !idempotent;
    /* Without sequences a retry overtakes: one at a time unless that is wanted. */
    bool by_hand = kc_options_given(options, "max.in.flight.requests.per.connection");
    *out = (struct kc_send_options){
        .idempotent = idempotent,
        .transactional = p->transactional_id != NULL,
        .acks = acks[p->acks],
        .in_flight = idempotent || by_hand ? p->max_in_flight : 1,
        .retries = p->retries,
        .linger_ms = (int64_t)p->linger_ms,
        .delivery_ms = p->delivery_timeout_ms,
        .unplaced_ms = p->max_block_ms > 0 && p->max_block_ms < p->delivery_timeout_ms
                           ? p->max_block_ms
                           : p->delivery_timeout_ms,
        .available_ms = p->partitioner_adaptive ? p->partitioner_availability_ms : 0,
        .backoff_ms = options->common.retry_backoff_ms,
        .backoff_max_ms = options->common.retry_backoff_max_ms,
        .request_bytes = (size_t)p->max_request_size,
        .batch_bytes = (size_t)p->batch_size,
        .memory_bytes = p->buffer_memory,
        .codec = (enum kw_codec)p->compression_type,
        .level = p->compression_level,
        .partitioner = (enum kc_partitioner)p->partitioner,
        .ignore_keys = p->partitioner_ignore_keys,
        .adaptive = p->partitioner_adaptive,
    };
    const struct kw_codec_info *codec = kw_codec_info(out->codec);
    if (!codec->built_in)
        return kb_error_set(err, KB_E_BAD_CONFIG,
                            "compression.type=%s: this library was built without that codec",
                            codec->name);
    if (out->level == -1)
        out->level = codec->default_level;
    else if (out->codec != KW_CODEC_NONE &&
             (out->level < codec->min_level || out->level > codec->max_level))
        return kb_error_set(err, KB_E_BAD_CONFIG, "compression.level=%d: %s has %d to %d",
                            out->level, codec->name, codec->min_level, codec->max_level);
    return 0;
}
