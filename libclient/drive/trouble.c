/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/trouble.h"
#include "base/check.h"
#include "libclient/drive/cluster.h"
#include "libclient/drive/diagnose.h"
#include <stdio.h>

void kc_trouble_init(struct kc_trouble *trouble)
{
    *trouble = (struct kc_trouble){0};
    kb_error_clear(&trouble->last);
}

/* What time may heal is a warning. */
static void tell(struct kurier_client *client, bool *told, kurier_event_kind kind,
                 const struct kb_error *what)
{
    if (*told)
        return;
    *told = true;
    kc_event_put(client, kind, what->classes & KB_RETRIABLE ? KB_LOG_WARN : KB_LOG_ERROR, NULL, -1,
                 what);
}

/* ---- The last thing ------------------------------------------------------------------*/

void kc_trouble_down(struct kurier_client *client, const struct kc_link *link,
                     const struct kb_error *why)
{
    pthread_mutex_lock(&client->lock);
    client->trouble.last = *why;
    client->trouble.link = link;
    pthread_mutex_unlock(&client->lock);
}

void kc_trouble_up(struct kurier_client *client, const struct kc_link *link)
{
    pthread_mutex_lock(&client->lock);
    if (client->trouble.link == link)
        kb_error_clear(&client->trouble.last);
    pthread_mutex_unlock(&client->lock);
}

bool kc_trouble_last(struct kurier_client *client, struct kb_error *out)
{
    pthread_mutex_lock(&client->lock);
    *out = client->trouble.last;
    pthread_mutex_unlock(&client->lock);
    return out->code != 0;
}

/* ---- The client as a whole ---------------------------------------------------------------*/

static void tell_all_down(struct kurier_client *client, const struct kb_error *err)
{
    struct kb_error what;
    kb_error_set(&what, KB_E_TRANSPORT, "no broker can be reached: %s", err->text);
    tell(client, &client->trouble.all_down, KURIER_EVENT_ALL_DOWN, &what);
}

static void tell_stale(struct kurier_client *client, int64_t age_ms, const struct kb_error *err)
{
    struct kb_error what;
    kb_error_set(&what, KB_E_TIMED_OUT, "metadata is %lld s old and cannot be refreshed: %s",
                 (long long)(age_ms / 1000), err->text);
    tell(client, &client->trouble.stale, KURIER_EVENT_STALE, &what);
}

void kc_trouble_failed(struct kurier_client *client, const struct kb_error *err)
{
    struct kc_trouble *trouble = &client->trouble;
    const struct kc_metadata *md = &client->metadata;
    int64_t age_ms = kn_loop_now(kc_client_loop(client)).mono_ms - md->answered_ms;
    trouble->failures++;
    if (err->code == KB_E_UNSUPPORTED)
        tell(client, &trouble->too_old, KURIER_EVENT_UNSUPPORTED, err);
    if (err->code == KB_E_INCONSISTENT_CLUSTER_ID)
        tell(client, &trouble->other_cluster, KURIER_EVENT_OTHER_CLUSTER, err);
    else if (trouble->failures >= kc_cluster_addresses(client) && !kc_cluster_is_up(client))
        tell_all_down(client, err);
    if (md->known && age_ms >= 2 * (int64_t)md->options.max_age_ms)
        tell_stale(client, age_ms, err);
}

void kc_trouble_answered(struct kurier_client *client)
{
    struct kc_trouble *trouble = &client->trouble;
    trouble->failures = 0;
    trouble->all_down = trouble->stale = trouble->too_old = trouble->other_cluster = false;
    pthread_mutex_lock(&client->lock);
    if (trouble->last.code == KB_E_INCONSISTENT_CLUSTER_ID)
        kb_error_clear(&trouble->last);
    pthread_mutex_unlock(&client->lock);
}

int kc_trouble_too_old(struct kurier_client *client, const struct kn_rpc *rpc, int16_t api_key,
                       int16_t min, int16_t max, struct kb_error *err)
{
    struct kb_error what;
    kc_diagnose_versions(rpc, api_key, min, max, NULL, &what);
    tell(client, &client->trouble.too_old, KURIER_EVENT_UNSUPPORTED, &what);
    kc_trouble_down(client, NULL, &what);
    if (err)
        *err = what;
    return what.code;
}
