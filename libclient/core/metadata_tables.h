/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_METADATA_TABLES_H
#define KC_METADATA_TABLES_H
/* What metadata.c and metadata_answer.c share; nobody else includes it. */
#include "libclient/core/metadata.h"

void kc_brokers_free(struct kc_broker *brokers, size_t count);
void kc_partitions_free(struct kc_partition *partitions, int32_t count);
/* Puts the topic under another id; zero: under none. */
void kc_topic_index(struct kc_metadata *md, struct kc_topic *topic, struct kb_uuid id);
void kc_topic_due(struct kc_metadata *md, struct kc_topic *topic, int64_t due_ms);
void kc_topic_changed(struct kc_metadata *md, struct kc_topic *topic);

#endif
