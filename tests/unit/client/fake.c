/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/fake.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "net/conn.h"
#include "wire/gen/api_versions.h"
#include "wire/gen/metadata.h"

struct fake_conn {
    struct kb_list all;
    struct fake *fake;
    struct kn_conn *conn;
    struct kn_sock *guest; /* of a greeting, instead */
};

static int16_t max_version(struct fake *fake, const struct kw_api *api)
{
    return fake->versions ? fake->versions(fake, api->key) : api->max_version;
}

static bool answer_api_versions(struct fake *fake, int16_t version, struct kb_arena *arena,
                                struct kw_writer *out)
{
    struct kw_api_versions_response response;
    kw_api_versions_response_init(&response);
    response.api_keys = kb_arena_array(arena, KW_API_KEY_END, sizeof *response.api_keys);
    for (int16_t key = 0; key < KW_API_KEY_END; key++) {
        const struct kw_api *api = kw_api_find(key);
        if (!api || max_version(fake, api) < 0)
            continue;
        struct kw_api_versions_response_api *row = &response.api_keys[response.api_keys_count++];
        row->api_key = key;
        row->min_version = fake->least ? fake->least(fake, key) : api->min_version;
        row->max_version = max_version(fake, api);
    }
    return kw_api_versions_response_encode(out, version, &response);
}

static void tell_topic(const struct fake_topic *from, struct kb_arena *arena,
                       struct kw_metadata_response_topic *to)
{
    to->name = kb_slice_str(from->name);
    to->error_code = from->error;
    memset(&to->topic_id, from->id, sizeof to->topic_id);
    if (from->error)
        return;
    to->partitions_count = from->partitions;
    to->partitions = kb_arena_array(arena, FAKE_MAX, sizeof *to->partitions);
    for (int32_t i = 0; i < from->partitions; i++) {
        kw_metadata_response_partition_init(&to->partitions[i]);
        to->partitions[i].partition_index = i;
        to->partitions[i].leader_id = from->leader[i];
        to->partitions[i].leader_epoch = from->epoch[i];
        to->partitions[i].error_code = from->leader[i] < 0 ? 5 : 0;
    }
}

static const struct fake_topic *find_topic(const struct fake_cluster *cluster,
                                           const struct kw_metadata_request_topic *asked)
{
    for (int i = 0; i < cluster->topic_count; i++) {
        const struct fake_topic *topic = &cluster->topics[i];
        if (asked->name.data ? kb_slice_is(asked->name, topic->name)
                             : asked->topic_id.bytes[0] == topic->id)
            return topic;
    }
    return NULL;
}

static void tell_topics(const struct fake_cluster *cluster, const struct kw_metadata_request *asked,
                        struct kb_arena *arena, struct kw_metadata_response *response)
{
    int32_t count = asked->topics_count < 0 ? cluster->topic_count : asked->topics_count;
    response->topics = kb_arena_array(arena, (size_t)count + 1, sizeof *response->topics);
    response->topics_count = count;
    for (int32_t i = 0; i < count; i++) {
        kw_metadata_response_topic_init(&response->topics[i]);
        if (asked->topics_count < 0) {
            tell_topic(&cluster->topics[i], arena, &response->topics[i]);
            continue;
        }
        const struct fake_topic *topic = find_topic(cluster, &asked->topics[i]);
        response->topics[i].name = asked->topics[i].name;
        response->topics[i].error_code = 3;
        if (topic)
            tell_topic(topic, arena, &response->topics[i]);
    }
}

static bool answer_metadata(struct fake *fake, int16_t version, struct kw_reader *body,
                            struct kb_arena *arena, struct kw_writer *out)
{
    const struct fake_cluster *cluster = fake->cluster;
    struct kw_metadata_request request;
    struct kw_metadata_response response;
    fake->metadata_asked++;
    if (!kw_metadata_request_decode(body, version, arena, &request))
        return false;
    kw_metadata_response_init(&response);
    response.cluster_id = kb_slice_str(cluster->id ? cluster->id : "fake");
    response.controller_id = cluster->controller;
    response.brokers = kb_arena_array(arena, FAKE_MAX, sizeof *response.brokers);
    response.brokers_count = cluster->broker_count;
    for (int i = 0; i < cluster->broker_count; i++) {
        response.brokers[i].node_id = cluster->brokers[i].id;
        response.brokers[i].host = kb_slice_str(cluster->brokers[i].host);
        response.brokers[i].port = cluster->brokers[i].port;
    }
    tell_topics(cluster, &request, arena, &response);
    return kw_metadata_response_encode(out, version, &response);
}

static bool answer(struct fake *fake, const struct kw_request_header *header,
                   struct kw_reader *body, struct kb_arena *arena, struct kw_writer *out)
{
    int16_t version = header->version;
    fake->last_key = header->key;
    if (header->key == KW_API_API_VERSIONS)
        return answer_api_versions(fake, version, arena, out);
    if (header->key == KW_API_METADATA && fake->no_metadata)
        return false;
    if (header->key == KW_API_METADATA)
        return answer_metadata(fake, version, body, arena, out);
    return fake->answer && fake->answer(fake, header->key, version, body, arena, out);
}

static void take_frame(struct kn_conn *conn, struct kb_buf *frame)
{
    struct fake *fake = ((struct fake_conn *)kn_conn_owner(conn))->fake;
    struct kw_reader reader = kw_reader_of(kb_buf_view(frame));
    struct kw_request_header header;
    struct kw_writer writer;
    struct kb_arena arena;
    if (fake->mute || fake->hangs_up) {
        kb_buf_unref(frame);
        if (fake->hangs_up)
            kn_conn_close(conn, NULL);
        return;
    }
    kb_arena_init(&arena, 1 << 20);
    kw_writer_init(&writer, 1 << 20);
    KB_CHECK(kw_request_header_read(&reader, &header));
    int32_t skew = header.key == KW_API_API_VERSIONS ? 0 : fake->skew;
    kw_response_header_write(&writer, header.key, header.version, header.correlation_id + skew);
    bool answered = answer(fake, &header, &reader, &arena, &writer);
    struct kb_buf *body = answered ? kw_writer_take(&writer) : NULL;
    if (body) {
        struct kb_piece piece = {body, kb_buf_view(body)};
        kn_conn_send(conn, &piece, 1, NULL);
    } else {
        kn_conn_close(conn, NULL);
    }
    kw_writer_deinit(&writer);
    kb_arena_deinit(&arena);
    kb_buf_unref(frame);
}

/* Whose memory fails is the client, which is what is tested. */
static void on_frame(struct kn_conn *conn, struct kb_buf *frame)
{
    kb_mem_spare(1);
    take_frame(conn, frame);
    kb_mem_spare(-1);
}

static void conn_free(struct fake_conn *fc)
{
    kb_list_remove(&fc->all);
    kb_free(fc);
}

static void on_close(struct kn_conn *conn, const struct kb_error *why)
{
    (void)why;
    conn_free(kn_conn_owner(conn));
}

static void greet(struct fake_conn *fc, struct kn_sock *sock)
{
    struct fake *fake = fc->fake;
    size_t size = fake->greeting_size ? fake->greeting_size : strlen(fake->greeting);
    struct iovec iov = {(void *)fake->greeting, size};
    fc->guest = sock;
    KB_CHECK(sock->ops->writev(sock, &iov, 1) == (int64_t)size);
}

static void on_accept(void *owner, struct kn_sock *sock, const struct kn_addr *peer)
{
    static const struct kn_conn_handler handler = {.on_frame = on_frame, .on_close = on_close};
    static const struct kn_conn_options options = {.max_frame_bytes = 0};
    struct fake *fake = owner;
    struct kb_error err;
    (void)peer;
    kb_mem_spare(1);
    struct fake_conn *fc = KB_NEW(struct fake_conn);
    KB_CHECK(fc);
    fake->opened++;
    fc->fake = fake;
    kb_list_push_back(&fake->conns, &fc->all);
    if (fake->greeting) {
        greet(fc, sock);
    } else {
        fc->conn = kn_conn_new(fake->loop, sock, &options, &handler, fc, &err);
        KB_CHECK(fc->conn);
    }
    kb_mem_spare(-1);
}

void fake_start(struct fake *fake, struct kn_sim *sim, const char *node, int32_t port,
                struct fake_cluster *cluster)
{
    static const struct kn_listener_options options = {.backlog = 0};
    struct kb_error err;
    fake->cluster = cluster;
    fake->env = kn_sim_env(sim, node);
    fake->loop = kn_loop_new(fake->env);
    kb_list_init(&fake->conns);
    fake->listener =
        kn_listener_open(fake->loop, "", (uint16_t)port, &options, on_accept, fake, &err);
    KB_CHECK(fake->listener);
}

void fake_stop(struct fake *fake)
{
    KB_LIST_EACH_SAFE(it, &fake->conns) {
        struct fake_conn *fc = KB_CONTAINER(it, struct fake_conn, all);
        if (fc->conn)
            kn_conn_drop(fc->conn);
        else
            fc->guest->ops->close(fc->guest, false);
        conn_free(fc);
    }
    kn_listener_close(fake->listener);
    kn_loop_free(fake->loop);
    fake->env->ops->free(fake->env);
}

/* ---- A world of them -------------------------------------------------------------*/

void fake_world_init(struct fake_world *w, uint64_t seed)
{
    w->sim = kn_sim_new(seed);
    w->env = kn_sim_env(w->sim, "app");
    w->loop = kn_loop_new(w->env);
    w->runtime = kc_runtime_over(w->loop, seed, NULL);
    KB_CHECK(w->runtime);
}

void fake_world_deinit(struct fake_world *w)
{
    kc_runtime_unref(w->runtime);
    kn_loop_free(w->loop);
    w->env->ops->free(w->env);
    for (int i = 0; i < w->fake_count; i++)
        fake_stop(&w->fakes[i]);
    kn_sim_free(w->sim);
}

struct fake *fake_world_start(struct fake_world *w, const char *node)
{
    KB_CHECK(w->fake_count < FAKE_BROKERS);
    struct fake *fake = &w->fakes[w->fake_count++];
    fake_start(fake, w->sim, node, 9092, &w->cluster);
    return fake;
}

struct fake *fake_world_add(struct fake_world *w, const char *node, const char *advertised)
{
    struct fake *fake = fake_world_start(w, node);
    int i = w->cluster.broker_count++;
    w->cluster.brokers[i].id = i + 1;
    w->cluster.brokers[i].host = advertised;
    w->cluster.brokers[i].port = 9092;
    return fake;
}
