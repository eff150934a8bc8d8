/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/server/image.h"
#include "base/mem.h"
#include "broker/drive/replica.h"
#include "broker/meta/records.h"
#include "broker/server/changes.h"
#include <stdio.h>

struct load {
    struct kd_shard *shard;
    void (*done)(void *ctx, const struct kb_error *err);
    void *ctx;
    struct kb_error err;
    size_t pending;    /* reads on their way */
    bool topics_known; /* what remains is what was being deleted */
};

/* One topic, or one partition of it, that is being read. */
struct item {
    struct load *load;
    struct kd_topic *topic;
    struct kd_place *place;
    char name[KD_TOPIC_NAME_MAX + 1];
};

static void fail(struct load *load, const char *what, const char *name)
{
    if (!load->err.code)
        kb_error_set(&load->err, KB_E_CORRUPT, "metadata store: %s of topic %s cannot be read",
                     what, name);
}

static void on_condemned(void *ctx, const struct kd_meta_node *node);

static void settle(struct load *load)
{
    if (--load->pending > 0)
        return;
    if (!load->topics_known) {
        load->topics_known = true;
        load->pending = 1;
        kd_meta_children(load->shard->meta, "/admin/delete_topics", NULL, on_condemned, load);
        return;
    }
    load->done(load->ctx, &load->err);
    kb_free(load);
}

static void get(struct load *load, kd_meta_node_fn *fn, struct item *item, const char *path)
{
    if (!item) {
        fail(load, "memory", path);
        return;
    }
    load->pending++;
    kd_meta_get(load->shard->meta, path, NULL, fn, item);
}

static struct item *item_new(struct load *load, struct kd_topic *topic, struct kd_place *place)
{
    struct item *item = KB_NEW(struct item);
    if (item)
        *item = (struct item){.load = load, .topic = topic, .place = place};
    return item;
}

static void item_done(struct item *item)
{
    struct load *load = item->load;
    kb_free(item);
    settle(load);
}

/* ---- States and configurations ------------------------------------------ */

static void on_state(void *ctx, const struct kd_meta_node *node)
{
    struct item *item = ctx;
    struct kd_state_record state = {0};
    struct kd_place *place = item->place;
    if (node->outcome == KD_META_OK && kd_record_state_read(node->data, &state) &&
        kd_place_set_isr(place, state.isr, state.isr_count)) {
        place->leader = state.leader;
        place->leader_epoch = state.leader_epoch;
        place->state_version = node->stat.version;
    } else {
        fail(item->load, "a partition's state", item->topic->name);
    }
    kd_state_record_deinit(&state);
    item_done(item);
}

static void on_config(void *ctx, const struct kd_meta_node *node)
{
    struct item *item = ctx;
    struct kd_shard *shard = item->load->shard;
    struct kd_topic *topic = item->topic;
    struct kb_error left_out;
    if (node->outcome == KD_META_OK && kd_record_config_read(node->data, &topic->overrides)) {
        topic->config_version = node->stat.version;
        kb_error_clear(&left_out);
        kd_topic_config_make(shard->config, &topic->overrides, &left_out, &topic->config);
        if (left_out.code)
            KB_LOG(shard->log, KB_LOG_WARN, "config", "stored value ignored topic=%s reason=\"%s\"",
                   topic->name, left_out.text);
    } else if (node->outcome != KD_META_CONFLICT) {
        fail(item->load, "the configuration", topic->name);
    }
    item_done(item);
}

/* ---- Topics ------------------------------------------------------------- */

static struct kd_topic *topic_of(struct load *load, const char *name, struct kb_slice text)
{
    struct kd_topic_record record;
    if (!kd_record_topic_read(text, &record))
        return NULL;
    struct kd_topic *topic = kd_topic_new(kb_slice_str(name), record.id, load->shard->config);
    bool fine = topic;
    for (int32_t i = 0; fine && i < record.count; i++)
        fine = kd_topic_grow(topic, record.replicas[i], record.replica_count[i]);
    fine = fine && kd_topics_put(&load->shard->topics, topic);
    if (!fine && topic)
        kd_topic_free(topic);
    kd_topic_record_deinit(&record);
    return fine ? topic : NULL;
}

static void on_topic(void *ctx, const struct kd_meta_node *node)
{
    struct item *item = ctx;
    struct load *load = item->load;
    char path[KD_META_MAX_PATH];
    struct kd_topic *topic =
        node->outcome == KD_META_OK ? topic_of(load, item->name, node->data) : NULL;
    if (!topic)
        fail(load, "the partitions", item->name);
    for (int32_t i = 0; topic && i < topic->count; i++) {
        snprintf(path, sizeof path, "/brokers/topics/%s/partitions/%d/state", topic->name, i);
        get(load, on_state, item_new(load, topic, topic->places[i]), path);
    }
    if (topic) {
        snprintf(path, sizeof path, "/config/topics/%s", topic->name);
        get(load, on_config, item_new(load, topic, NULL), path);
    }
    item_done(item);
}

static void on_topics(void *ctx, const struct kd_meta_node *node)
{
    struct load *load = ctx;
    char path[KD_META_MAX_PATH];
    if (node->outcome != KD_META_OK)
        fail(load, "the list", "*");
    for (int i = 0; node->outcome == KD_META_OK && i < node->count; i++) {
        struct item *item = item_new(load, NULL, NULL);
        if (item)
            snprintf(item->name, sizeof item->name, "%s", node->children[i]);
        snprintf(path, sizeof path, "/brokers/topics/%s", node->children[i]);
        get(load, on_topic, item, path);
    }
    settle(load);
}

static void on_condemned(void *ctx, const struct kd_meta_node *node)
{
    struct load *load = ctx;
    for (int i = 0; node->outcome == KD_META_OK && i < node->count; i++) {
        struct kd_topic *topic =
            kd_topics_find(&load->shard->topics, kb_slice_str(node->children[i]));
        if (topic)
            topic->condemned = true;
    }
    settle(load);
}

void kd_image_load(struct kd_shard *shard, void (*done)(void *ctx, const struct kb_error *err),
                   void *ctx)
{
    struct load *load = KB_NEW(struct load);
    struct kb_error err;
    if (!load) {
        kb_error_set(&err, KB_E_NO_MEMORY, "out of memory");
        done(ctx, &err);
        return;
    }
    *load = (struct load){.shard = shard, .done = done, .ctx = ctx, .pending = 1};
    kb_error_clear(&load->err);
    kd_meta_children(shard->meta, "/brokers/topics", NULL, on_topics, load);
}

/* ---- Settling ----------------------------------------------------------- */

static struct kd_topic *find_condemned(const struct kd_topics *topics)
{
    for (struct kd_topic *t = kd_topics_next(topics, NULL); t; t = kd_topics_next(topics, t))
        if (t->condemned)
            return t;
    return NULL;
}

/* Strays on their way out, and one for the walk that finds them. */
struct settling {
    struct kd_shard *shard;
    size_t pending;
    int code;
    void (*done)(void *ctx, int code);
    void *ctx;
};

struct stray {
    struct kd_op op;
    struct settling *settling;
};

static void resume_deletions(struct kd_shard *shard)
{
    struct kd_topic *topic;
    while ((topic = find_condemned(&shard->topics)))
        if (!kd_change_resume_delete(shard, topic))
            return;
}

static void settled(struct settling *settling, int code)
{
    struct settling self = *settling;
    settling->code = self.code = self.code ? self.code : code;
    if (--settling->pending > 0)
        return;
    kb_free(settling);
    if (!self.code)
        resume_deletions(self.shard);
    self.done(self.ctx, self.code);
}

static void on_set_aside(struct kd_op *op, int code)
{
    struct stray *stray = KB_CONTAINER(op, struct stray, op);
    struct settling *settling = stray->settling;
    kb_free(stray);
    settled(settling, code);
}

static void set_aside(struct settling *settling, struct kd_replica *replica)
{
    struct stray *stray = KB_NEW(struct stray);
    KB_LOG(settling->shard->log, KB_LOG_WARN, "topics",
           "log of an unknown topic set aside topic=%s partition=%d", kd_replica_topic(replica),
           kd_replica_partition(replica));
    settling->pending++;
    if (!stray) {
        settled(settling, KB_E_NO_MEMORY);
        return;
    }
    stray->settling = settling;
    stray->op.done = on_set_aside;
    kd_replica_stray(replica, &stray->op);
}

/* By the id it holds and by its directory's name, as a copy would not be. One
 * that cannot say its id goes by its name: it is offline, and stays where it is. */
static bool is_known(const struct kd_topics *topics, const struct kd_replica *replica)
{
    const struct kd_topic *topic = kd_topics_find(topics, kb_slice_str(kd_replica_topic(replica)));
    struct kb_uuid id = kd_replica_topic_id(replica);
    return topic && (kb_uuid_is_zero(id) || kb_uuid_equal(id, topic->id)) &&
           kd_topic_place(topic, kd_replica_partition(replica));
}

static void look_at(void *ctx, struct kd_replica *replica)
{
    struct settling *settling = ctx;
    if (!is_known(&settling->shard->topics, replica))
        set_aside(settling, replica);
}

void kd_image_settle(struct kd_shard *shard, void (*done)(void *ctx, int code), void *ctx)
{
    struct settling *settling = KB_NEW(struct settling);
    if (!settling) {
        done(ctx, KB_E_NO_MEMORY);
        return;
    }
    *settling = (struct settling){.shard = shard, .pending = 1, .done = done, .ctx = ctx};
    kd_disk_each(shard->disk, look_at, settling);
    settled(settling, KB_OK);
}
