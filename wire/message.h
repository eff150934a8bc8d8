/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_MESSAGE_H
#define KW_MESSAGE_H
/*
 * What the generated headers (wire/gen/API.h) have in common. For each message
 * of each API, for keys and values of coordinators' records (NAME_record.h), for
 * data inside other messages, and for the structs inside them, they declare
 *
 *   struct kw_fetch_request            the message: fields by the protocol's names
 *   struct kw_fetch_request_topic      a struct of its arrays, named in the schema
 *   void kw_fetch_request_init(m)      the protocol's defaults; each struct has one
 *   bool kw_fetch_request_encode(w, version, m)
 *   bool kw_fetch_request_decode(r, version, arena, m)
 *
 * strings, bytes, records  struct kb_slice; data NULL is null
 * arrays                   T *xs and int32_t xs_count; -1 is null
 * nullable structs         a pointer; NULL is null. Tagged ones are, where they are
 *                          not null by default, one that may not be written to
 * a field that the version does not have reads as its default
 *
 * Encoding fails (see w->fault) where null may not be, and where a field that
 * the version does not have, and that is not ignorable, differs from its
 * default. A version outside the API's range is the programmer's mistake.
 *
 * Decoding takes everything up to the reader's end; bytes left over are a fault
 * (see r->fault). But behind a request they stay where they are: some clients
 * send too many, and Kafka answers them; and behind data, of a newer version's.
 * What decoding gives are views into the bytes that are read, and arrays in the
 * arena: it lives as long as both. Tags that are not known are skipped. After a
 * fault the message is not to be used.
 */
#include "base/slice.h"
#include "base/uuid.h"

struct kb_arena;
struct kw_reader;
struct kw_writer;

/* An arena with this budget holds what any body of `bytes` decodes to: structs
 * are up to 22 times as large as what they came from, and chunks end unused. */
static inline size_t kw_arena_budget(size_t bytes)
{
    return 4096 + 64 * bytes;
}

#endif
