/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "tests/unit/broker/rig.h"
#include "wire/crc32c.h"
#include "wire/record.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct kd_broker *rig_broker(struct kb_fs *fs)
{
    struct kb_error err;
    struct kd_broker_options options = {.fs = fs};
    struct kd_broker *broker = kd_broker_new(&options, &err);
    assert_non_null(broker);
    rig_set(broker, "listeners", "PLAINTEXT://127.0.0.1:0");
    return broker;
}

void rig_set(struct kd_broker *broker, const char *key, const char *value)
{
    struct kb_error err;
    if (kd_broker_set(broker, key, value, &err))
        fail_msg("%s", err.text);
}

void rig_start(struct kd_broker *broker)
{
    struct kb_error err;
    if (kd_broker_start(broker, &err))
        fail_msg("start: %s", err.text);
}

void rig_end(struct kd_broker *broker)
{
    kd_broker_stop(broker);
    kd_broker_free(broker);
}

/* ---- The client --------------------------------------------------------- */

enum { PATIENCE_S = 20 };

void client_dial(struct client *client, const struct kd_broker *broker)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)kd_broker_port(broker)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = PATIENCE_S};
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
    kb_arena_init(&client->arena, 64 << 20);
}

void client_hang_up(struct client *client)
{
    close(client->fd);
    kb_arena_deinit(&client->arena);
    kb_buf_unref(client->answer);
}

void client_begin(struct client *client, struct kw_writer *w, int16_t key, int16_t version)
{
    struct kw_request_header header = {key, version, ++client->asked, kb_slice_str("test")};
    kw_writer_init(w, 64 << 20);
    kw_request_header_write(w, &header);
}

static void send_all(int fd, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, (const uint8_t *)data + at, size - at, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the broker closed: hearing will tell */
        at += (size_t)n;
    }
}

void client_send(struct client *client, struct kw_writer *w)
{
    uint8_t size[4];
    if (!kw_writer_ok(w))
        fail_msg("request: %s", w->fault);
    struct kb_buf *buf = kw_writer_take(w);
    kw_put_be32(size, (uint32_t)buf->size);
    send_all(client->fd, size, sizeof size);
    send_all(client->fd, buf->data, buf->size);
    kb_buf_unref(buf);
}

static bool read_all(int fd, void *to, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = recv(fd, (uint8_t *)to + at, size - at, 0);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

bool client_hear(struct client *client, int16_t key, int16_t version)
{
    uint8_t size[4];
    int32_t correlation_id;
    kb_buf_unref(client->answer);
    client->answer = NULL;
    kb_arena_reset(&client->arena);
    if (!read_all(client->fd, size, 4))
        return false;
    client->answer = kb_buf_new(kw_get_be32(size));
    client->answer->size = kw_get_be32(size);
    assert_true(read_all(client->fd, client->answer->data, client->answer->size));
    client->body = kw_reader_of(kb_buf_view(client->answer));
    assert_true(kw_response_header_read(&client->body, key, version, &correlation_id));
    return true;
}

/* ---- Batches ------------------------------------------------------------ */

struct kb_buf *make_batch(const struct batch_spec *spec)
{
    size_t value_bytes = spec->value_bytes ? spec->value_bytes : 8;
    struct kb_buf *buf =
        kb_buf_new(KW_BATCH_HEADER_BYTES + (size_t)spec->count * (value_bytes + 64));
    uint8_t *value = kb_calloc(1, value_bytes);
    uint8_t *records = buf->data + KW_BATCH_HEADER_BYTES, *at = records;
    for (int32_t i = 0; i < spec->count; i++) {
        struct kw_record_in record = {
            .offset_delta = i, .key = kb_slice_str("k"), .value = kb_slice_of(value, value_bytes)};
        at = kw_record_write(at, &record, kw_record_body_size(&record));
    }
    struct kw_batch_header header;
    kw_batch_header_init(&header);
    header.last_offset_delta = spec->count - 1;
    header.record_count = spec->count;
    header.base_timestamp_ms = header.max_timestamp_ms = spec->timestamp_ms;
    header.producer_id = spec->producer_id;
    header.producer_epoch = spec->producer_id < 0 ? -1 : spec->epoch;
    header.base_sequence = spec->producer_id < 0 ? -1 : spec->sequence;
    kw_batch_stamp(buf->data, &header, kw_crc32c(0, records, (size_t)(at - records)),
                   (size_t)(at - records));
    buf->size = (size_t)(at - buf->data);
    kb_free(value);
    return buf;
}
