/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_PRINT_H
#define KW_PRINT_H
/*
 * Messages as one line of JSON, for logs and for people; made from the layout
 * (layout.h), so that it knows every API that has a schema.
 *
 *   {"api":"Metadata","key":3,"version":12,"correlation_id":7,"client_id":"me",
 *    "request":{"topics":[{"topic_id":"AAAAAAAAAAAAAAAAAAAAAA","name":"t"}], ...}}
 *
 * Names are the schema's. Fields that the version has not, and tagged ones at
 * their default, are left out; ids are in Kafka's base64 form; an error code
 * that is not 0 has its name beside it ("error_code":3,"error":
 * "UNKNOWN_TOPIC_OR_PARTITION"). Bytes are told by their size, records by their
 * batches:
 *
 *   {"bytes":1068,"batches":2,"base_offset":40,"records":10,"codec":"lz4"}
 *
 * What is secret by the schema is never printed, nor is the value of a config
 * whose name sounds like a secret: "(hidden)".
 *
 * The line, its 0 byte included, is at most `size` bytes, KW_PRINT_MIN_BYTES or
 * more. One that would be longer is cut and still JSON: "..." stands for what
 * is missing, as an element or as a member {"...":"..."}. A text longer than
 * KW_PRINT_TEXT_BYTES ends in "...". Bytes from outside are not trusted: what
 * cannot be decoded is told by the fault, its size and its first bytes in hex:
 *
 *   {"fault":"cut off","bytes":3,"hex":"000102"}
 *
 * Memory is taken while a body is printed, as much as decoding it takes, and
 * given back. Pure: any thread.
 */
#include "base/slice.h"
#include "wire/api.h"

struct kw_message;

enum {
    KW_PRINT_PAYLOADS = 1, /* bytes in hex, and keys and values of records that
                              are not compressed: somebody's data */
    KW_PRINT_SIZES = 2,    /* of records the size alone; their bytes are not there */
    KW_PRINT_NO_BODY = 4,  /* a frame's header alone */
};

enum { KW_PRINT_MIN_BYTES = 64, KW_PRINT_TEXT_BYTES = 512 };

/* All answer the line's length. */

/* The frame of a request, its header first. */
size_t kw_print_request(struct kb_slice frame, unsigned flags, char *out, size_t size);
/* The frame of a response; key and version are those of its request. */
size_t kw_print_response(int16_t key, int16_t version, struct kb_slice frame, unsigned flags,
                         char *out, size_t size);
/* What stands behind the header, as an object of its own. */
size_t kw_print_body(int16_t key, int16_t version, bool is_response, struct kb_slice body,
                     unsigned flags, char *out, size_t size);
/* The same of one that is decoded, or not yet encoded. */
size_t kw_print_message(const struct kw_message *message, int16_t version, const void *m,
                        unsigned flags, char *out, size_t size);

/*
 * A record of a topic that coordinators keep, such as __consumer_offsets:
 *
 *   {"type":1,"name":"OffsetCommit","key":{"group":"g", ...},"version":3,
 *    "value":{"offset":42, ...}}
 *
 * A null value stands for "this is gone".
 */
size_t kw_print_record(const char *topic, struct kb_slice key, struct kb_slice value,
                       unsigned flags, char *out, size_t size);

#endif
