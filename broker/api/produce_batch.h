/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_PRODUCE_BATCH_H
#define KD_PRODUCE_BATCH_H
/*
 * Is this what may be appended to that topic? And if it cannot be stored as it
 * came, the batch as it will be.
 *
 * The check runs on any thread, over copies of what the topic wants; the frame
 * is only read. The stamp, which patches it, belongs to the state loop.
 */
#include "broker/server/request.h"
#include "wire/produce.h"

struct kd_admission {
    /* In. */
    struct kb_slice records; /* of the request */
    struct kb_buf *frame;    /* that holds them, kept by the caller until the stamp */
    struct kw_produce_rules rules;
    int32_t max_message_bytes, segment_bytes;
    int codec, level; /* that the topic wants; codec -1: the producer's */
    bool append_time; /* the log's own time */
    bool has_txn_id;  /* its request names a transactional id */
    /* Out. */
    bool checked;
    struct kb_error err;      /* code 0: it may be appended; else one of Kafka's */
    struct kb_buf *buf;       /* one reference: the frame, or a batch made anew; NULL: refused */
    struct kw_batch batch;    /* in buf */
    size_t plain_bytes;       /* of its records, unpacked */
    int64_t max_timestamp_ms; /* of its records */
    int64_t append_time_ms;   /* once stamped: LogAppendTime, or -1 */
};

/* Records and frame are those of the request. */
void kd_admission_init(struct kd_admission *a, const struct kd_topic *topic,
                       struct kb_slice records, const struct kd_request *request, bool has_txn_id);
/* Not to be appended, without a check. */
void kd_admission_refuse(struct kd_admission *a, int code);

/* The codec that its records came in; KW_CODEC_NONE if that cannot be said. */
enum kw_codec kd_admission_codec(const struct kd_admission *a);
/* Would a batch of this codec be packed anew? */
bool kd_admission_repacks(const struct kd_admission *a, enum kw_codec codec);

/* Answers a->err.code; MESSAGE_TOO_LARGE also if its records unpack to more
 * than max_plain_bytes. */
int kd_admission_check(struct kd_admission *a, struct kw_codec_ctx *codec, size_t max_plain_bytes);
/* Just before it is appended. */
void kd_admission_stamp(struct kd_admission *a, int64_t wall_ms);

#endif
