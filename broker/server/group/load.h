/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_GROUP_LOAD_H
#define KD_GROUP_LOAD_H
/* What the log of a partition of __consumer_offsets says, replayed in pieces that
 * leave the loop to others in between. What cannot be read is tried again. */
struct kd_group_load;
struct kd_group_shard;
struct kn_timer;

/* Forgets what the shard knew; ACTIVE when all is replayed. No memory: tried again. */
void kd_group_shard_load(struct kd_group_shard *shard);
void kd_group_shard_load_again(struct kn_timer *timer); /* what shard->again fires */
/* The load goes on by itself no more; NULL: nothing. */
void kd_group_load_free(struct kd_group_load *load);

#endif
