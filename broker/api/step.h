/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KD_API_STEP_H
#define KD_API_STEP_H
/*
 * What the requests to a coordinator have in common, of groups and of transactions: each
 * finds its coordinator, takes one step there (kd_step_for), and is answered when what it
 * rests on is committed. `reply` is the first member of a handler's op.
 */
#include "broker/api/api.h"
#include "broker/server/coordinator/topic.h"

/* The step ends; the request is answered after it. The reply has its `answer`. */
void kd_step_finish(struct kd_step *step, struct kd_request *request, struct kd_reply *reply);

#endif
