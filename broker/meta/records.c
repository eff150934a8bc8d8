/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/meta/records.h"
#include "base/mem.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

void kd_record_free(char *text)
{
    free(text); /* jansson's */
}

/* Takes the object. */
static char *dump(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

static json_t *load(struct kb_slice text)
{
    return json_loadb((const char *)text.data, text.size, 0, NULL);
}

/* ---- Lists of node ids -------------------------------------------------- */

static json_t *nodes_dump(const int32_t *nodes, int32_t count)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(nodes[i]));
    return list;
}

static bool nodes_load(const json_t *list, int32_t **out, int32_t *count)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > 1024 || !(*out = KB_NEW_ARRAY(int32_t, n + 1)))
        return false;
    for (size_t i = 0; i < n; i++)
        (*out)[i] = (int32_t)json_integer_value(json_array_get(list, i));
    *count = (int32_t)n;
    return true;
}

/* ---- Topics ------------------------------------------------------------- */

char *kd_record_topic(const struct kd_topic_record *record)
{
    char id[KB_UUID_TEXT], number[16];
    json_t *partitions = json_object();
    for (int32_t i = 0; i < record->count; i++) {
        snprintf(number, sizeof number, "%d", i);
        json_object_set_new(partitions, number,
                            nodes_dump(record->replicas[i], record->replica_count[i]));
    }
    kb_uuid_format(record->id, id);
    return dump(json_pack("{s:i,s:s,s:o,s:{},s:{}}", "version", 3, "topic_id", id, "partitions",
                          partitions, "adding_replicas", "removing_replicas"));
}

static bool partitions_load(const json_t *partitions, struct kd_topic_record *out)
{
    size_t count = json_object_size(partitions);
    out->replicas = KB_NEW_ARRAY(int32_t *, count + 1);
    out->replica_count = KB_NEW_ARRAY(int32_t, count + 1);
    if (!out->replicas || !out->replica_count)
        return false;
    for (; (size_t)out->count < count; out->count++) {
        char number[16];
        snprintf(number, sizeof number, "%d", out->count);
        const json_t *nodes = json_object_get(partitions, number);
        if (!nodes_load(nodes, &out->replicas[out->count], &out->replica_count[out->count]) ||
            out->replica_count[out->count] == 0)
            return false;
    }
    return true;
}

bool kd_record_topic_read(struct kb_slice text, struct kd_topic_record *out)
{
    json_t *object = load(text);
    const char *id = json_string_value(json_object_get(object, "topic_id"));
    memset(out, 0, sizeof *out);
    bool fine = id && kb_uuid_parse(id, &out->id) &&
                partitions_load(json_object_get(object, "partitions"), out);
    if (!fine)
        kd_topic_record_deinit(out);
    json_decref(object);
    return fine;
}

void kd_topic_record_deinit(struct kd_topic_record *record)
{
    for (int32_t i = 0; record->replicas && i <= record->count; i++)
        kb_free(record->replicas[i]);
    kb_free(record->replicas);
    kb_free(record->replica_count);
    memset(record, 0, sizeof *record);
}

/* ---- States ------------------------------------------------------------- */

char *kd_record_state(const struct kd_state_record *record)
{
    return dump(json_pack("{s:i,s:i,s:i,s:i,s:o}", "version", 1, "leader", record->leader,
                          "leader_epoch", record->leader_epoch, "controller_epoch",
                          record->controller_epoch, "isr",
                          nodes_dump(record->isr, record->isr_count)));
}

bool kd_record_state_read(struct kb_slice text, struct kd_state_record *out)
{
    json_t *object = load(text), *isr = NULL;
    int leader, leader_epoch, controller_epoch;
    memset(out, 0, sizeof *out);
    bool fine =
        object &&
        json_unpack(object, "{s:i,s:i,s:i,s:o}", "leader", &leader, "leader_epoch", &leader_epoch,
                    "controller_epoch", &controller_epoch, "isr", &isr) == 0 &&
        nodes_load(isr, &out->isr, &out->isr_count);
    if (fine) {
        out->leader = leader;
        out->leader_epoch = leader_epoch;
        out->controller_epoch = controller_epoch;
    }
    json_decref(object);
    return fine;
}

void kd_state_record_deinit(struct kd_state_record *record)
{
    kb_free(record->isr);
    record->isr = NULL;
}

/* ---- Configurations ----------------------------------------------------- */

char *kd_record_config(const struct kd_overrides *from)
{
    json_t *config = json_object();
    bool fine = config;
    for (size_t i = 0; i < from->count; i++)
        fine = !json_object_set_new(config, from->entries[i].key,
                                    json_string(from->entries[i].value)) &&
               fine;
    if (!fine) {
        json_decref(config);
        return NULL;
    }
    return dump(json_pack("{s:i,s:o}", "version", 1, "config", config));
}

bool kd_record_config_read(struct kb_slice text, struct kd_overrides *out)
{
    json_t *object = load(text), *config = json_object_get(object, "config"), *value;
    const char *key;
    bool fine = json_is_object(config);
    json_object_foreach(config, key, value)
    {
        fine =
            fine && json_is_string(value) && kd_overrides_set(out, key, json_string_value(value));
    }
    json_decref(object);
    return fine;
}

char *kd_record_config_change(const char *entity_path)
{
    return dump(json_pack("{s:i,s:s}", "version", 2, "entity_path", entity_path));
}

/* ---- The cluster -------------------------------------------------------- */

static json_t *endpoints_dump(const char *endpoints)
{
    json_t *list = json_array();
    while (*endpoints) {
        size_t size = strcspn(endpoints, ",");
        json_array_append_new(list, json_stringn(endpoints, size));
        endpoints += size + (endpoints[size] == ',');
    }
    return list;
}

char *kd_record_broker(const struct kd_broker_record *record)
{
    char time[24];
    snprintf(time, sizeof time, "%" PRId64, record->wall_ms);
    return dump(json_pack(
        "{s:i,s:s,s:i,s:o,s:s,s:s?,s:{s:s},s:{}}", "version", 5, "host", record->host, "port",
        record->port, "endpoints", endpoints_dump(record->endpoints), "timestamp", time, "rack",
        record->rack, "listener_security_protocol_map", record->listener, "PLAINTEXT", "features"));
}

char *kd_record_controller(int32_t node_id, int64_t wall_ms)
{
    char time[24];
    snprintf(time, sizeof time, "%" PRId64, wall_ms);
    return dump(json_pack("{s:i,s:i,s:s}", "version", 2, "brokerid", node_id, "timestamp", time));
}

char *kd_record_cluster(const char *id)
{
    return dump(json_pack("{s:s,s:s}", "version", "1", "id", id));
}

bool kd_record_cluster_read(struct kb_slice text, char *out, size_t size)
{
    json_t *object = load(text);
    const char *id = json_string_value(json_object_get(object, "id"));
    bool fine = id && strlen(id) < size;
    if (fine)
        strcpy(out, id);
    json_decref(object);
    return fine;
}

/* ---- Features ----------------------------------------------------------- */

char *kd_record_features(const char *const *names, const int16_t *levels, int count)
{
    json_t *features = json_object();
    for (int i = 0; i < count; i++)
        json_object_set_new(features, names[i], json_integer(levels[i]));
    return dump(json_pack("{s:o,s:i,s:i}", "features", features, "version", 2, "status", 1));
}

bool kd_record_feature_read(struct kb_slice text, const char *name, int64_t *level)
{
    json_t *object = load(text), *features = json_object_get(object, "features");
    const json_t *found = json_object_get(features, name);
    bool fine = json_is_object(features) && (!found || json_is_integer(found));
    if (fine && found)
        *level = json_integer_value(found);
    json_decref(object);
    return fine;
}

/* ---- Producer ids ------------------------------------------------------- */

struct kb_slice kd_record_block(char out[KD_BLOCK_TEXT], int32_t node_id, int64_t start,
                                int64_t end)
{
    int size = snprintf(out, KD_BLOCK_TEXT,
                        "{\"version\":1,\"broker\":%d,\"block_start\":\"%" PRId64
                        "\",\"block_end\":\"%" PRId64 "\"}",
                        node_id, start, end);
    return kb_slice_of(out, (size_t)size);
}

bool kd_record_block_read(struct kb_slice text, int64_t *end)
{
    json_t *object = load(text);
    const char *number = json_string_value(json_object_get(object, "block_end"));
    char *rest = NULL;
    *end = number ? strtoll(number, &rest, 10) : -1;
    bool fine = number && rest != number && !*rest;
    json_decref(object);
    return fine;
}
