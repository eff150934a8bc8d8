/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null_broker [PORT [PARTITIONS]]: the least that a producer takes for a
 * broker, so that a benchmark measures the client. It knows every topic, is
 * the leader of all partitions, and acknowledges Produce without reading the
 * records. Prints "null_broker ready PORT", ends with its standard input.
 *
 * It speaks one version of each API, written out by hand below: this is the
 * other side of the wire, so it shares no code with the client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PRODUCE = 0, FETCH = 1, METADATA = 3, API_VERSIONS = 18, INIT_PRODUCER_ID = 22 };
enum { FRAME_MAX = 128 << 20, PARTITIONS_MAX = 4096, NODE = 1 };

static const int16_t apis[][3] = {
    {PRODUCE, 7, 7},          {FETCH, 4, 4}, {METADATA, 4, 4}, {API_VERSIONS, 0, 0},
    {INIT_PRODUCER_ID, 0, 0},
};

static int port, partitions = 1;
static _Atomic int64_t next_producer_id = 1000;
static _Atomic int64_t next_offset[PARTITIONS_MAX];

/* ---- Bytes in: the caller has checked that the frame is whole ------------- */

struct in {
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t take(struct in *in, int bytes)
{
    uint64_t value = 0;
    if (in->end - in->at < bytes) {
        in->bad = true;
        return 0;
    }
    while (bytes-- > 0)
        value = value << 8 | *in->at++;
    return value;
}

static const uint8_t *skip(struct in *in, int64_t bytes)
{
    const uint8_t *at = in->at;
    if (bytes < 0)
        return NULL;
    if (in->end - in->at < bytes) {
        in->bad = true;
        return NULL;
    }
    in->at += bytes;
    return at;
}

/* ---- Bytes out -------------------------------------------------------------- */

struct out {
    uint8_t *data;
    size_t size, capacity;
};

static void put(struct out *out, uint64_t value, int bytes)
{
    if (out->size + 8 > out->capacity) {
        out->capacity = out->capacity * 2 + 4096;
        out->data = realloc(out->data, out->capacity);
        if (!out->data)
            abort();
    }
    for (int i = bytes - 1; i >= 0; i--)
        out->data[out->size++] = (uint8_t)(value >> (8 * i));
}

static void put_text(struct out *out, const uint8_t *text, size_t size)
{
    put(out, size, 2);
    for (size_t i = 0; i < size; i++)
        put(out, text[i], 1);
}

/* ---- The APIs ---------------------------------------------------------------- */

static void api_versions(struct out *out, bool known)
{
    size_t count = sizeof apis / sizeof apis[0];
    put(out, known ? 0 : 35, 2);
    put(out, count, 4);
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < 3; k++)
            put(out, (uint16_t)apis[i][k], 2);
}

static void metadata_topic(struct out *out, const uint8_t *name, size_t size)
{
    put(out, 0, 2);
    put_text(out, name, size);
    put(out, 0, 1);
    put(out, (uint32_t)partitions, 4);
    for (int p = 0; p < partitions; p++) {
        put(out, 0, 2);
        put(out, (uint32_t)p, 4);
        put(out, NODE, 4);
        for (int list = 0; list < 2; list++) { /* replicas, in sync */
            put(out, 1, 4);
            put(out, NODE, 4);
        }
    }
}

static void metadata(struct in *in, struct out *out)
{
    static const char host[] = "127.0.0.1", cluster[] = "null";
    put(out, 0, 4);
    put(out, 1, 4);
    put(out, NODE, 4);
    put_text(out, (const uint8_t *)host, sizeof host - 1);
    put(out, (uint32_t)port, 4);
    put(out, 0xffff, 2);
    put_text(out, (const uint8_t *)cluster, sizeof cluster - 1);
    put(out, NODE, 4);
    int32_t topics = (int32_t)take(in, 4);
    put(out, topics < 0 ? 0 : (uint32_t)topics, 4);
    for (int32_t i = 0; i < topics && !in->bad; i++) {
        size_t size = take(in, 2);
        metadata_topic(out, skip(in, (int64_t)size), size);
    }
}

static void produce_partition(struct in *in, struct out *out)
{
    enum { COUNT_AT = 57 };
    uint32_t partition = (uint32_t)take(in, 4);
    int32_t size = (int32_t)take(in, 4);
    const uint8_t *batch = skip(in, size);
    bool bad = in->bad || !batch || size < COUNT_AT + 4 || partition >= PARTITIONS_MAX;
    int64_t offset = -1;
    if (!bad) {
        struct in count = {batch + COUNT_AT, batch + size, false};
        offset = next_offset[partition];
        next_offset[partition] += (int64_t)take(&count, 4);
    }
    put(out, partition, 4);
    put(out, bad ? 2 : 0, 2);
    put(out, (uint64_t)offset, 8);
    put(out, UINT64_MAX, 8); /* log append time: none */
    put(out, 0, 8);
}

/* False: acks=0, nothing is said. */
static bool produce(struct in *in, struct out *out)
{
    skip(in, (int16_t)take(in, 2)); /* transactional id */
    int16_t acks = (int16_t)take(in, 2);
    take(in, 4);
    uint32_t topics = (uint32_t)take(in, 4);
    put(out, topics, 4);
    for (uint32_t i = 0; i < topics && !in->bad; i++) {
        size_t size = take(in, 2);
        const uint8_t *name = skip(in, (int64_t)size);
        if (in->bad)
            break;
        put_text(out, name, size);
        uint32_t count = (uint32_t)take(in, 4);
        put(out, count, 4);
        while (count-- > 0 && !in->bad)
            produce_partition(in, out);
    }
    put(out, 0, 4);
    return acks != 0;
}

static void init_producer_id(struct out *out)
{
    put(out, 0, 4);
    put(out, 0, 2);
    put(out, (uint64_t)next_producer_id++, 8);
    put(out, 0, 2);
}

static bool answer(struct in *in, struct out *out)
{
    int16_t key = (int16_t)take(in, 2), version = (int16_t)take(in, 2);
    put(out, take(in, 4), 4);
    skip(in, (int16_t)take(in, 2)); /* client id */
    switch (key) {
    case API_VERSIONS:
        api_versions(out, version == 0);
        return true;
    case METADATA:
        metadata(in, out);
        return true;
    case PRODUCE:
        return produce(in, out);
    case INIT_PRODUCER_ID:
        init_producer_id(out);
        return true;
    default:
        in->bad = true;
        return false;
    }
}

/* ---- Connections: a thread each ---------------------------------------------- */

static bool read_all(int fd, uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = recv(fd, data, size, MSG_WAITALL);
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool serve_one(int fd, uint8_t **frame, size_t *capacity, struct out *out)
{
    uint8_t prefix[4];
    if (!read_all(fd, prefix, sizeof prefix))
        return false;
    struct in head = {prefix, prefix + sizeof prefix, false};
    size_t size = take(&head, 4);
    if (size > FRAME_MAX)
        return false;
    if (size > *capacity) {
        free(*frame);
        *frame = malloc(*capacity = size);
    }
    if (!*frame || !read_all(fd, *frame, size))
        return false;
    struct in in = {*frame, *frame + size, false};
    out->size = 0;
    put(out, 0, 4);
    bool speaks = answer(&in, out);
    if (in.bad)
        return false;
    for (int i = 0; i < 4; i++)
        out->data[i] = (uint8_t)((out->size - 4) >> (24 - 8 * i));
    return !speaks || send(fd, out->data, out->size, MSG_NOSIGNAL) == (ssize_t)out->size;
}

static void *serve(void *ctx)
{
    int fd = (int)(intptr_t)ctx;
    uint8_t *frame = NULL;
    size_t capacity = 0;
    struct out out = {0};
    while (serve_one(fd, &frame, &capacity, &out))
        ;
    close(fd);
    free(frame);
    free(out.data);
    return NULL;
}

static void *accept_all(void *ctx)
{
    int listener = (int)(intptr_t)ctx, one = 1, fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        pthread_t thread;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
            close(fd);
        else
            pthread_detach(thread);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    pthread_t thread;

    addr.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    if (argc > 2)
        partitions = atoi(argv[2]);
    if (partitions < 1 || partitions > PARTITIONS_MAX)
        return fprintf(stderr, "null_broker: 1 to %d partitions\n", PARTITIONS_MAX), 2;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, 64) ||
        getsockname(listener, (struct sockaddr *)&addr, &size) ||
        pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener))
        return perror("null_broker"), 1;
    port = ntohs(addr.sin_port);
    printf("null_broker ready %d\n", port);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return 0;
}
