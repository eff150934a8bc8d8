/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_COORDINATOR_LOAD_H
#define KD_COORDINATOR_LOAD_H
/* What the log of a coordinator's partition says, replayed in pieces that leave the
 * loop to others in between. What cannot be read is tried again. */
struct kd_coordinator;
struct kd_load;
struct kn_timer;

/* Forgets what the machine knew; ACTIVE when all is replayed. No memory: tried again. */
void kd_coordinator_load(struct kd_coordinator *coordinator);
void kd_coordinator_load_again(struct kn_timer *timer); /* what coordinator->again fires */
/* The load goes on by itself no more; NULL: nothing. */
void kd_load_free(struct kd_load *load);

#endif
