/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/step.h"

static void on_cancel(struct kd_request *request)
{
    struct kd_reply *reply = request->op;
    kd_reply_forget(reply);
    kd_answer_nothing(request);
}

void kd_step_finish(struct kd_step *step, struct kd_request *request, struct kd_reply *reply)
{
    reply->request = request;
    request->op = reply;
    request->cancel = on_cancel;
    kd_step_hold(step, reply);
    kd_step_end(step);
}
