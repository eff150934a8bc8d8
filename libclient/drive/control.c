/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/control.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/drive/cluster.h"

struct kc_controls {
    struct kurier_runtime *runtime;
    struct kb_list all; /* a handful: as many as there are brokers */
};

struct kc_control {
    struct kb_list all;
    struct kb_list uses;
    struct kc_link *link;
    char *host, *client_id;
    int32_t port;
    struct kn_tap *tap; /* a client that looks at its frames shares with no other */
};

struct kc_controls *kc_controls_new(struct kurier_runtime *runtime)
{
    struct kc_controls *controls = KB_NEW(struct kc_controls);
    if (!controls)
        return NULL;
    controls->runtime = runtime;
    kb_list_init(&controls->all);
    return controls;
}

void kc_controls_free(struct kc_controls *controls)
{
    KB_CHECK(kb_list_empty(&controls->all));
    kb_free(controls);
}

static void control_free(struct kc_control *control)
{
    kb_list_remove(&control->all);
    kc_link_free(control->link);
    kb_free(control->host);
    kb_free(control->client_id);
    kb_free(control);
}

static void on_up(struct kc_link *link)
{
    struct kc_control *control = kc_link_owner(link);
    KB_LIST_EACH(it, &control->uses) {
        struct kc_control_use *use = KB_CONTAINER(it, struct kc_control_use, of_control);
        use->told_down = false;
        kc_client_tell_up(use->client, link);
    }
}

/* Each attempt that fails ends here; it is news once. */
static void on_down(struct kc_link *link, const struct kb_error *why)
{
    struct kc_control *control = kc_link_owner(link);
    KB_LIST_EACH(it, &control->uses) {
        struct kc_control_use *use = KB_CONTAINER(it, struct kc_control_use, of_control);
        if (!use->told_down)
            kc_client_tell_down(use->client, link, why);
        use->told_down = true;
        kc_cluster_control_down(use);
    }
}

static void on_state(const struct kc_link *link)
{
    struct kc_control *control = kc_link_owner(link);
    KB_LIST_EACH(it, &control->uses)
        kc_debug_link(&KB_CONTAINER(it, struct kc_control_use, of_control)->client->debug, link);
}

static const struct kc_link_handler handler = {
    .on_up = on_up, .on_down = on_down, .on_state = on_state};

static struct kc_control *control_new(struct kurier_client *client, const char *host, int32_t port)
{
    struct kc_control *control = KB_NEW(struct kc_control);
    if (!control)
        return NULL;
    kb_list_init(&control->all);
    kb_list_init(&control->uses);
    control->port = port;
    control->tap = kc_debug_tap(&client->debug);
    control->host = kb_strdup(host);
    control->client_id = kb_strdup(client->options->common.client_id);
    if (control->host && control->client_id) {
        struct kc_link_options options = kc_client_link_options(client, control->client_id);
        control->link = kc_link_new(client->runtime, -1, host, port, &options, &handler, control);
    }
    if (!control->link) {
        control_free(control);
        return NULL;
    }
    kb_list_push_back(&client->runtime->controls->all, &control->all);
    return control;
}

static struct kc_control *find(struct kurier_client *client, const char *host, int32_t port)
{
    KB_LIST_EACH(it, &client->runtime->controls->all) {
        struct kc_control *control = KB_CONTAINER(it, struct kc_control, all);
        if (control->port == port && control->tap == kc_debug_tap(&client->debug) &&
            !strcmp(control->host, host) &&
            !strcmp(control->client_id, client->options->common.client_id))
            return control;
    }
    return NULL;
}

struct kc_control_use *kc_control_open(struct kurier_client *client, const char *host, int32_t port)
{
    struct kc_control *control = find(client, host, port);
    struct kc_control_use *use = KB_NEW(struct kc_control_use);
    if (use && !control)
        control = control_new(client, host, port);
    if (!use || !control) {
        kb_free(use);
        return NULL;
    }
    kb_list_init(&use->of_client);
    use->client = client;
    use->control = control;
    kb_list_push_back(&control->uses, &use->of_control);
    return use;
}

void kc_control_close(struct kc_control_use *use)
{
    struct kc_control *control = use->control;
    kb_list_remove(&use->of_client);
    kb_list_remove(&use->of_control);
    kb_free(use);
    if (kb_list_empty(&control->uses))
        control_free(control);
}

struct kc_link *kc_control_link(const struct kc_control_use *use)
{
    return use->control->link;
}

bool kc_control_is_at(const struct kc_control_use *use, const char *host, int32_t port)
{
    return use->control->port == port && !strcmp(use->control->host, host);
}
