/* SPDX-License-Identifier: Apache-2.0 */
/* The idempotent producer's id: asked of any broker, before the first Produce. */
#include "libclient/drive/producer.h"
#include "wire/gen/init_producer_id.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { INIT_PRODUCER_ID = 22, VERSION_MIN = 0, VERSION_MAX = 4, AGAIN_MS = 500 };

static int encode(struct kc_ask *ask, int16_t version, struct kw_writer *out)
{
    (void)ask;
    struct kw_init_producer_id_request request;
    kw_init_producer_id_request_init(&request);
    request.transactional_id = kb_slice_null();
    request.transaction_timeout_ms = INT32_MAX;
    return kw_init_producer_id_request_encode(out, version, &request) ? 0 : KB_E_NO_MEMORY;
}

static int read_answer(struct kurier_producer *producer, const struct kn_answer *answer,
                       struct kw_init_producer_id_response *response, struct kb_error *err)
{
    if (answer->err) {
        *err = *answer->err;
        return err->code;
    }
    kb_arena_reset(&producer->arena);
    if (!kw_init_producer_id_response_decode(answer->body, answer->version, &producer->arena,
                                             response))
        return kb_error_set(err, KB_E_UNSUPPORTED,
                            "an answer to InitProducerId that cannot be read");
    if (response->error_code)
        return kb_error_set(err, response->error_code, "a producer id was asked for: %s",
                            kb_code_text(response->error_code));
    return 0;
}

static void on_answer(struct kc_ask *ask, const struct kn_answer *answer)
{
    struct kurier_producer *producer = KB_CONTAINER(ask, struct kurier_producer, ask_id);
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    struct kw_init_producer_id_response response;
    struct kb_error before = producer->id_cause;
    producer->asking = false;
    kb_error_clear(&producer->id_cause);
    if (read_answer(producer, answer, &response, &producer->id_cause)) {
        producer->id_again_ms = now.mono_ms + AGAIN_MS;
        producer->sender.id_state = KC_ID_NONE;
        if (strcmp(before.text, producer->id_cause.text)) /* news */
            KB_LOG(kc_client_log(producer->client), KB_LOG_WARN, "producer", "no producer id: %s",
                   producer->id_cause.text);
    } else {
        kc_sender_id(&producer->sender, now, response.producer_id, response.producer_epoch);
    }
    kc_client_ready_changed(producer->client);
    kn_task_soon(kc_client_loop(producer->client), &producer->look);
}

void kc_producer_ask_id(struct kurier_producer *producer)
{
    struct kb_time now = kn_loop_now(kc_client_loop(producer->client));
    if (producer->asking || now.mono_ms < producer->id_again_ms)
        return;
    producer->asking = true;
    producer->sender.id_state = KC_ID_ASKED;
    producer->ask_id = (struct kc_ask){
        .api_key = INIT_PRODUCER_ID,
        .min_version = VERSION_MIN,
        .max_version = VERSION_MAX,
        .since = "0.11",
        .deadline_ms = kb_deadline(now, producer->client->options->common.request_timeout_ms),
        .encode = encode,
        .on_answer = on_answer};
    kc_client_ask(producer->client, KC_ANY_BROKER, &producer->ask_id);
}
