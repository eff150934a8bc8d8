/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_BASE_H
#define KURIER_BASE_H
/* Bytes, errors, records: what all of <kurier/kurier.h> speaks in. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KURIER_API __attribute__((visibility("default")))
#define KURIER_CHECKED __attribute__((warn_unused_result)) KURIER_API
#define KURIER_FOREVER (-1)

KURIER_API const char *kurier_version(void);

/* ---- Bytes ---------------------------------------------------------------
 * data == NULL is null; data != NULL with size 0 is empty. They differ. */
typedef struct kurier_bytes {
    const void *data;
    size_t size;
} kurier_bytes;

static inline kurier_bytes kurier_bytes_of(const void *data, size_t size)
{
    kurier_bytes b;
    b.data = data;
    b.size = size;
    return b;
}
KURIER_API kurier_bytes kurier_str(const char *text); /* without the 0 byte */

/* ---- Errors ---------------------------------------------------------------
 * Kafka's codes are -1 (its UNKNOWN_SERVER_ERROR) and up, ours -100 and down.
 * kurier_code_name knows them all; these are the ones that programs compare. */
typedef enum kurier_code {
    KURIER_OK = 0,
    KURIER_E_UNKNOWN_SERVER_ERROR = -1,
    KURIER_E_OFFSET_OUT_OF_RANGE = 1,
    KURIER_E_UNKNOWN_TOPIC_OR_PARTITION = 3,
    KURIER_E_MESSAGE_TOO_LARGE = 10,
    KURIER_E_ILLEGAL_GENERATION = 22,          /* a commit came too late: the group went on */
    KURIER_E_INCONSISTENT_GROUP_PROTOCOL = 23, /* the text names the group's strategy */
    KURIER_E_UNKNOWN_MEMBER_ID = 25,           /* likewise, without this member */
    KURIER_E_TOPIC_AUTHORIZATION_FAILED = 29,
    KURIER_E_GROUP_AUTHORIZATION_FAILED = 30,
    KURIER_E_TOPIC_ALREADY_EXISTS = 36,
    KURIER_E_GROUP_ID_NOT_FOUND = 69,
    KURIER_E_FENCED_INSTANCE_ID = 82, /* another consumer has taken this group.instance.id */
    KURIER_E_ELECTION_NOT_NEEDED = 84,
    KURIER_E_NO_REASSIGNMENT_IN_PROGRESS = 85,
    KURIER_E_PRODUCER_FENCED = 90,        /* another producer has taken this transactional.id */
    KURIER_E_UNSUPPORTED_ASSIGNOR = 112,  /* the coordinator has no such group.remote.assignor */
    KURIER_E_TRANSACTION_ABORTABLE = 120, /* it cannot be committed: abort it */
    KURIER_E_INVALID_REGULAR_EXPRESSION = 128,
    KURIER_E_TIMED_OUT = -100,   /* not within timeout_ms */
    KURIER_E_INTERRUPTED = -101, /* woken, or a signal; nothing was lost */
    KURIER_E_QUEUE_FULL = -102,  /* buffer.memory is used up */
    KURIER_E_INVALID_ARGUMENT = -103,
    KURIER_E_INVALID_CONFIG = -104, /* names the key, and the nearest known */
    KURIER_E_STATE = -105,          /* not now: the text says what comes first */
    KURIER_E_BUSY = -106,           /* another thread is inside the consumer */
    KURIER_E_CLOSED = -107,
    KURIER_E_FORKED = -108,
    KURIER_E_NO_MEMORY = -109,
    KURIER_E_UNDELIVERED = -110,     /* some records failed: take the reports */
    KURIER_E_ASSIGNMENT_LOST = -111, /* the partition has moved to another member */
    KURIER_E_HELD = -112,            /* you hold the whole fetch budget */
    KURIER_E_LEASE_EXPIRED = -113,   /* max.poll.interval.ms went by: partitions were lost */
    KURIER_E_TXN_ABORTED = -114,     /* the record's transaction was aborted */
    KURIER_E_TRANSPORT = -115,       /* DNS, TCP: the text has errno and host */
    KURIER_E_UNSUPPORTED = -118,     /* the broker cannot; the text says which */
    KURIER_E_PROTOCOL = -119,        /* the other side is no Kafka broker, or a broken one */
    KURIER_E_PURGED = -123           /* given up by kurier_producer_purge or close */
} kurier_code;

/* TIMED_OUT, INTERRUPTED and QUEUE_FULL are retriable. */
enum { KURIER_RETRIABLE = 1, KURIER_ABORTABLE = 2, KURIER_FATAL = 4 };

typedef struct kurier_error {
    kurier_code code;
    uint32_t classes; /* of KURIER_RETRIABLE ... for this code at this call */
    int32_t broker;   /* node id, or -1 */
    char text[244];   /* one line: what, where, what to do */
} kurier_error;

KURIER_API const char *kurier_code_name(kurier_code code); /* "_QUEUE_FULL" */
KURIER_API const char *kurier_code_text(kurier_code code); /* one line for people */

/* ---- Records ---------------------------------------------------------------
 * One struct both ways: what was consumed can be sent as it is. */
typedef struct kurier_header {
    const char *name;
    kurier_bytes value;
} kurier_header;

enum { KURIER_TO_PARTITION = 1, KURIER_LOG_APPEND_TIME = 2 };

typedef struct kurier_record {
    kurier_bytes key, value;      /* null value: a tombstone */
    kurier_bytes raw_headers;     /* as in the batch; used if header_count is 0 */
    const kurier_header *headers; /* sent */
    uint32_t header_count;        /* sent */
    uint32_t flags;               /* sent: KURIER_TO_PARTITION uses .partition */
    int64_t timestamp_ms;         /* 0: now */
    uint64_t opaque;              /* sent: yours, comes back in the report */
    const char *topic;            /* consumed, as all below; send ignores them */
    int64_t offset;
    int32_t partition;
    int16_t delivery_count; /* 1 */
    int16_t reserved;
} kurier_record;

/* Walks raw_headers: start with *at = 0; false at the end. The views live as
 * long as the record's. A name is not 0-terminated in the wire format, so it is
 * handed out as bytes. */
KURIER_API bool kurier_record_header(const kurier_record *record, size_t *at, kurier_bytes *name,
                                     kurier_bytes *value);

/* ---- Positions -------------------------------------------------------------*/
enum {
    KURIER_END = -1,
    KURIER_BEGINNING = -2,
    KURIER_LATEST = -3,      /* kurier_admin_list_offsets: the record of the latest timestamp */
    KURIER_COMMITTED = -1000 /* the group's; where nothing is committed, auto.offset.reset says */
};

typedef struct kurier_position {
    const char *topic;
    int32_t partition;
    int32_t leader_epoch; /* -1: not known */
    int64_t offset;       /* of the next record; or KURIER_END, KURIER_BEGINNING ... */
    int64_t timestamp_ms; /* for kurier_consumer_offsets_for_times */
    const char *metadata; /* committed with it; NULL: none */
    kurier_code code;     /* out: this partition's own outcome */
    int32_t reserved;
} kurier_position;

static inline kurier_position kurier_at(const char *topic, int32_t partition, int64_t offset)
{
    kurier_position p = {topic, partition, -1, offset, 0, NULL, KURIER_OK, 0};
    return p;
}

#ifdef __cplusplus
}
#endif
#endif
