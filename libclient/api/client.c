/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/client.h"
#include "base/check.h"
#include "libclient/api/error.h"
#include "libclient/drive/cluster.h"

static const struct kc_client_ops plain = {.close = NULL};

kurier_client *kurier_client_new(kurier_runtime *runtime, const kurier_config *config,
                                 kurier_error *err)
{
    return kc_client_new(runtime, config, &plain, NULL, kc_error(err));
}

void kurier_client_free(kurier_client *client)
{
    kc_client_free(client);
}

/* ---- Ready ------------------------------------------------------------------------*/

static struct kc_call *begin_ready(void *ctx)
{
    return kc_ready_new(ctx);
}

/* "Not within the timeout" is the poorest of causes: a better one where it is known. */
static int explain_timeout(struct kurier_client *client, struct kb_error *err)
{
    pthread_mutex_lock(&client->lock);
    struct kb_error cause = client->cause;
    pthread_mutex_unlock(&client->lock);
    if (!cause.code)
        return KB_E_TIMED_OUT;
    if (err)
        *err = cause;
    return cause.code;
}

kurier_code kurier_client_ready(kurier_client *client, int timeout_ms, kurier_error *public_err)
{
    struct kb_error *err = kc_error(public_err);
    int code = kc_client_check(client, err);
    if (!code)
        code = kc_call_resume(client, &client->ready, begin_ready, client, timeout_ms, err);
    if (code == KB_E_TIMED_OUT)
        code = explain_timeout(client, err);
    return (kurier_code)code;
}

/* ---- What waits -------------------------------------------------------------------*/

int kurier_client_fd(kurier_client *client)
{
    return kc_client_check(client, NULL) ? -1 : kc_client_fd(client);
}

uint32_t kurier_client_pending(kurier_client *client)
{
    return kc_client_check(client, NULL) ? 0 : atomic_load(&client->pending);
}

void kurier_client_wake(kurier_client *client)
{
    if (!kc_forked(&client->runtime->fork))
        kc_wake(&client->waits);
}

struct taking {
    struct kurier_client *client;
    kurier_event *out;
};

static bool take_event(void *ctx)
{
    struct taking *taking = ctx;
    return kc_event_take(&taking->client->events, taking->out);
}

bool kurier_client_event(kurier_client *client, kurier_event *out, int timeout_ms)
{
    struct taking taking = {client, out};
    if (kc_client_check(client, NULL))
        return false;
    return kc_wait(&client->waits, client->runtime, KURIER_EVENTS, take_event, &taking, timeout_ms,
                   NULL) == 0;
}
