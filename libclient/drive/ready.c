/* SPDX-License-Identifier: Apache-2.0 */
/* Is a client ready, and if not, why: the typed cause that `ready` answers. */
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/cluster.h"
#include <stdio.h>

struct kc_ready {
    struct kc_call call;
    struct kb_list all;
};

static void answer_all(struct kurier_client *client, const struct kb_error *err)
{
    struct kb_list *node;
    while ((node = kb_list_pop_front(&client->cluster->readying)))
        kc_call_done(&KB_CONTAINER(node, struct kc_ready, all)->call, err);
}

static void keep_cause(struct kurier_client *client, const struct kb_error *cause)
{
    pthread_mutex_lock(&client->lock);
    client->cause = *cause;
    pthread_mutex_unlock(&client->lock);
}

void kc_ready_look(struct kurier_client *client)
{
    struct kb_error err;
    kb_error_clear(&err);
    if (!client->metadata.known)
        return;
    int code = client->ops->ready ? client->ops->ready(client->owner, &err) : 0;
    keep_cause(client, &err);
    if (code != KB_E_TIMED_OUT)
        answer_all(client, code ? &err : NULL);
}

void kc_client_ready_changed(struct kurier_client *client)
{
    kc_ready_look(client);
}

/* "a:9092: connection refused; b:9092: no such host; c:9092: no answer yet": one
 * line for all that were tried, under the code of the first that failed. */
static void gather_causes(struct kurier_client *client, struct kb_error *out)
{
    size_t used = 0;
    kb_error_clear(out);
    KB_LIST_EACH(it, &client->cluster->controls) {
        struct kc_link *link = kc_control_link(KB_CONTAINER(it, struct kc_control_use, of_client));
        const struct kb_error *cause = kc_link_cause(link);
        bool tried = cause->code || kc_link_state(link) != KC_LINK_IDLE;
        if (!tried || used >= sizeof out->text)
            continue;
        if (cause->code && !out->code) {
            out->code = cause->code;
            out->classes = cause->classes;
        }
        used += (size_t)snprintf(out->text + used, sizeof out->text - used, "%s%s%s",
                                 used ? "; " : "", cause->code ? cause->text : kc_link_name(link),
                                 cause->code ? "" : ": no answer yet");
    }
    if (used && !out->code) {
        out->code = KB_E_TIMED_OUT;
        out->classes = kb_code_classes(KB_E_TIMED_OUT);
    }
}

void kc_ready_explain(struct kurier_client *client, const struct kb_error *err)
{
    struct kb_error cause;
    gather_causes(client, &cause);
    if (err && (!cause.code || cause.code == KB_E_TIMED_OUT))
        cause = *err; /* of an answer, not of a connection */
    if (!cause.code)
        return;
    keep_cause(client, &cause);
    /* Waiting heals an absent broker, not one that speaks something else. */
    if (client->cluster->refusals >= kc_cluster_addresses(client))
        answer_all(client, &cause);
}

static void run(struct kc_call *call)
{
    struct kc_ready *ready = KB_CONTAINER(call, struct kc_ready, call);
    kb_list_push_back(&call->client->cluster->readying, &ready->all);
    kc_ready_look(call->client);
}

static void release(struct kc_call *call)
{
    kb_free(KB_CONTAINER(call, struct kc_ready, call));
}

struct kc_call *kc_ready_new(struct kurier_client *client)
{
    struct kc_ready *ready = KB_NEW(struct kc_ready);
    if (!ready)
        return NULL;
    kc_call_init(&ready->call, client, run, release);
    return &ready->call;
}

void kc_ready_close(struct kurier_client *client)
{
    struct kb_error closed;
    kb_error_set(&closed, KB_E_CLOSED, "the handle was freed");
    answer_all(client, &closed);
}
