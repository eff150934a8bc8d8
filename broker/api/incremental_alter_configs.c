/* SPDX-License-Identifier: Apache-2.0 */
/* IncrementalAlterConfigs: single keys are set, deleted, and lists edited. */
#include "wire/gen/incremental_alter_configs.h"
#include "broker/api/alter_configs.h"
#include "broker/api/api.h"

static void answer(struct kd_altering *altering)
{
    struct kd_request *request = altering->request;
    struct kw_incremental_alter_configs_response out;
    struct kw_writer w;
    kw_incremental_alter_configs_response_init(&out);
    out.responses = kb_arena_array(&request->arena, altering->count, sizeof *out.responses);
    if (!out.responses) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    for (size_t i = 0; i < altering->count; i++) {
        const struct kd_altered *item = &altering->items[i];
        out.responses[out.responses_count++] =
            (struct kw_incremental_alter_configs_response_resource){.error_code = item->code,
                                                                    .error_message = item->message,
                                                                    .resource_type = item->type,
                                                                    .resource_name = item->name};
    }
    kd_answer_begin(request, &w);
    kw_incremental_alter_configs_response_encode(&w, request->header.version, &out);
    kd_answer_end(request, &w);
}

static void take(struct kd_altering *altering, size_t at,
                 const struct kw_incremental_alter_configs_request_resource *in)
{
    kd_altering_take(altering, at, in->resource_type, in->resource_name, in->configs_count);
    struct kd_altered *item = &altering->items[at];
    for (size_t i = 0; i < item->count; i++)
        item->alterations[i] = (struct kd_alteration){in->configs[i].config_operation,
                                                      in->configs[i].name, in->configs[i].value};
}

void kd_handle_incremental_alter_configs(struct kd_request *request)
{
    struct kw_incremental_alter_configs_request in;
    if (!kw_incremental_alter_configs_request_decode(&request->body, request->header.version,
                                                     &request->arena, &in)) {
        kd_request_refuse(request);
        return;
    }
    struct kd_altering *altering = kd_altering_new(request, in.resources_count);
    if (!altering) {
        kd_answer_fail(request, "no memory for the answer");
        return;
    }
    altering->replace = false;
    altering->validate_only = in.validate_only;
    altering->answer = answer;
    for (size_t i = 0; i < altering->count; i++)
        take(altering, i, &in.resources[i]);
    kd_altering_run(altering);
}
