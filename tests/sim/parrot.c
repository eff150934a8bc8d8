/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/parrot.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "tests/sim/raw_echo.h"
#include "wire/compress.h"
#include "wire/frame.h"
#include "wire/gen/produce.h"
#include "wire/record.h"

#include <string.h>

enum { FRAME_MAX = 1 << 22, SIZE_BYTES = 4 };

/* What was heard of one connection, and is no whole request yet. */
struct stream {
    struct kb_list link;
    char node[24];
    uint16_t port;
    uint8_t *bytes;
    size_t size, capacity;
};

struct parrot {
    struct parrot_plan *plan;
    struct process *process;
    struct raw_echoes echoes;
    struct kw_codec_ctx *codecs;
    struct kb_list streams;
};

/* ---- What is said again ------------------------------------------------- */

static bool is_of_a_transaction(int16_t key)
{
    return key == KW_API_PRODUCE || key == KW_API_ADD_PARTITIONS_TO_TXN ||
           key == KW_API_ADD_OFFSETS_TO_TXN || key == KW_API_TXN_OFFSET_COMMIT ||
           key == KW_API_END_TXN;
}

static void tell_batches(struct parrot *p, struct kb_slice batches)
{
    struct kw_batch_iter batch_it;
    struct kw_batch batch;
    kw_batch_iter_init(&batch_it, batches, SIZE_MAX);
    while (kw_batch_iter_next(&batch_it, &batch)) {
        struct kw_record_iter it;
        struct kw_record record;
        struct kb_slice plain;
        int code =
            kw_decompress_view(p->codecs, (enum kw_codec)kw_batch_header_codec(&batch.header),
                               batch.records, FRAME_MAX, &plain, NULL);
        KB_CHECK(!code);
        kw_record_iter_init(&it, &batch.header, plain);
        while (kw_record_iter_next(&it, &record))
            history_repeats(&p->plan->run->history, record.value);
    }
}

/* A record that was refused may come to be written after all. */
static void tell_records(struct parrot *p, int16_t version, struct kb_slice body)
{
    struct kw_produce_request request;
    struct kw_reader reader = kw_reader_of(body);
    struct kb_arena arena;
    kb_arena_init(&arena, FRAME_MAX);
    bool ok = kw_produce_request_decode(&reader, version, &arena, &request);
    KB_CHECK(ok);
    for (int32_t t = 0; t < request.topic_data_count; t++)
        for (int32_t i = 0; i < request.topic_data[t].partition_data_count; i++)
            tell_batches(p, request.topic_data[t].partition_data[i].records);
    kb_arena_deinit(&arena);
}

static void repeat(struct parrot *p, const char *node, const struct kw_request_header *header,
                   struct kb_slice body)
{
    enum { LATER_MAX_MS = 2500 };
    struct world *w = p->process->world;
    struct kb_buf *buf = kb_buf_new(body.size);
    KB_CHECK(buf);
    memcpy(buf->data, body.data, body.size);
    buf->size = body.size;
    if (raw_echo(&p->echoes, header->key, header->version, buf,
                 world_between(w, 1, LATER_MAX_MS))) {
        p->plan->said++;
        if (header->key == KW_API_PRODUCE)
            tell_records(p, header->version, body);
        world_trace(w, "  %s: %s of %s comes again", p->process->node, kw_api_name(header->key),
                    node);
    }
    kb_buf_unref(buf);
}

static void hear(struct parrot *p, const char *node, struct kb_slice frame)
{
    enum { ONE_IN = 20 };
    struct kw_reader reader = kw_reader_of(frame);
    struct kw_request_header header;
    bool known = kw_request_header_read(&reader, &header);
    if (!known || !is_of_a_transaction(header.key) || !run_goes_on(p->plan->run))
        return;
    if (world_between(p->process->world, 1, ONE_IN) == 1)
        repeat(p, node, &header, kb_slice_of(reader.next, kw_reader_left(&reader)));
}

/* ---- What is heard ------------------------------------------------------ */

static struct stream *stream_of(struct parrot *p, const char *node, uint16_t port)
{
    KB_LIST_EACH(it, &p->streams) {
        struct stream *stream = KB_CONTAINER(it, struct stream, link);
        if (stream->port == port && !strcmp(stream->node, node))
            return stream;
    }
    struct stream *stream = KB_NEW(struct stream);
    KB_CHECK(stream && strlen(node) < sizeof stream->node);
    strcpy(stream->node, node);
    stream->port = port;
    kb_list_push_back(&p->streams, &stream->link);
    return stream;
}

static void append(struct stream *stream, struct kb_slice bytes)
{
    size_t needed = stream->size + bytes.size;
    if (needed > stream->capacity) {
        stream->capacity = KB_MAX(2 * stream->capacity, needed);
        stream->bytes = kb_realloc(stream->bytes, stream->capacity);
        KB_CHECK(stream->bytes);
    }
    memcpy(stream->bytes + stream->size, bytes.data, bytes.size);
    stream->size = needed;
}

static void hear_frames(struct parrot *p, struct stream *stream)
{
    size_t at = 0;
    while (stream->size - at >= SIZE_BYTES) {
        size_t size = kw_get_be32(stream->bytes + at);
        KB_CHECK(size <= FRAME_MAX);
        if (stream->size - at - SIZE_BYTES < size)
            break;
        at += SIZE_BYTES;
        hear(p, stream->node, kb_slice_of(stream->bytes + at, size));
        at += size;
    }
    stream->size -= at;
    memmove(stream->bytes, stream->bytes + at, stream->size);
}

static void overhear(void *ctx, const struct kn_sim_heard *heard)
{
    struct parrot *p = ctx;
    if (strncmp(heard->node, p->plan->of, strlen(p->plan->of)) != 0)
        return;
    struct stream *stream = stream_of(p, heard->node, heard->port);
    if (heard->begins)
        stream->size = 0;
    append(stream, heard->bytes);
    hear_frames(p, stream);
}

/* ---- As a program ------------------------------------------------------- */

static void *start(struct process *process, void *ctx)
{
    struct parrot *p = KB_NEW(struct parrot);
    KB_CHECK(p);
    *p = (struct parrot){.plan = ctx, .process = process};
    p->codecs = kw_codec_ctx_new();
    KB_CHECK(p->codecs);
    kb_list_init(&p->streams);
    raw_echoes_open(&p->echoes, process);
    kn_sim_overhear(process->world->sim, overhear, p);
    return p;
}

static int64_t turn(void *self)
{
    enum { SELDOM_MS = 60 * 1000 }; /* it speaks when it hears */
    (void)self;
    return SELDOM_MS;
}

static void end(void *self, bool killed)
{
    struct parrot *p = self;
    struct kb_list *it;
    (void)killed;
    kn_sim_overhear(p->process->world->sim, NULL, NULL);
    raw_echoes_close(&p->echoes);
    kw_codec_ctx_free(p->codecs);
    while ((it = kb_list_pop_front(&p->streams))) {
        struct stream *stream = KB_CONTAINER(it, struct stream, link);
        kb_free(stream->bytes);
        kb_free(stream);
    }
    kb_free(p);
}

const struct program program_parrot = {
    .name = "parrot", .mortal = false, .start = start, .turn = turn, .end = end};
