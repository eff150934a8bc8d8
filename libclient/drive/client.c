/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/client.h"
#include "base/check.h"
#include "base/mem.h"
#include "libclient/api/config.h"
#include "libclient/admin/admin.h"
#include "libclient/drive/call.h"
#include "libclient/drive/cluster.h"
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- Making and ending ---------------------------------------------------------*/

static int take_options(struct kurier_client *client, const kurier_config *config,
                        struct kb_error *err)
{
    int code = kc_config_check(config, err);
    if (code)
        return code;
    client->options = config ? kc_options_dup(config->options) : kc_options_new();
    if (!client->options)
        return kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
    return kc_bootstrap_parse(&client->bootstrap, client->options->common.bootstrap_servers, err);
}

/* What does not belong to the loop. */
static void release(struct kurier_client *client)
{
    kc_call_unref(client->ready);
    kc_admin_forget(client);
    kc_events_deinit(&client->events);
    kc_waits_deinit(&client->waits);
    if (client->pending_fd >= 0)
        close(client->pending_fd);
    pthread_mutex_destroy(&client->lock);
    kc_bootstrap_deinit(&client->bootstrap);
    kc_options_free(client->options);
    if (client->runtime)
        kc_runtime_unref(client->runtime);
    kb_free(client);
}

static void open_on_loop(void *ctx)
{
    kc_cluster_open(ctx);
}

static int open_client(struct kurier_client *client, struct kurier_runtime *runtime,
                       const kurier_config *config, struct kb_error *err)
{
    int code = take_options(client, config, err);
    if (!code)
        code = kc_events_init(&client->events, client, err);
    if (code)
        return code;
    kc_debug_init(&client->debug, client->options->common.debug, kc_client_log(client));
    client->runtime = kc_runtime_get(runtime, err);
    if (!client->runtime)
        return KB_E_NO_MEMORY;
    kc_runtime_run(client->runtime, open_on_loop, client);
    return client->cluster ? 0 : kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
}

struct kurier_client *kc_client_new(struct kurier_runtime *runtime, const kurier_config *config,
                                    const struct kc_client_ops *ops, void *owner,
                                    struct kb_error *err)
{
    struct kurier_client *client = KB_NEW(struct kurier_client);
    if (!client) {
        kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
        return NULL;
    }
    client->ops = ops;
    client->owner = owner;
    client->pending_fd = -1;
    client->events.sink_fd = -1;
    pthread_mutex_init(&client->lock, NULL);
    kc_waits_init(&client->waits);
    kb_list_init(&client->results);
    kb_error_clear(&client->cause);
    kc_trouble_init(&client->trouble);
    if (open_client(client, runtime, config, err)) {
        release(client);
        return NULL;
    }
    return client;
}

static void close_on_loop(void *ctx)
{
    kc_cluster_close(ctx);
}

void kc_client_free(struct kurier_client *client)
{
    if (!client)
        return;
    if (!kc_forked(&client->runtime->fork))
        kc_runtime_run(client->runtime, close_on_loop, client);
    release(client);
}

/* ---- Pending bits ------------------------------------------------------------------*/

/* Under the lock, so that the last to come sees the last mask. */
static void show_on_fd(struct kurier_client *client)
{
    bool raise = atomic_load(&client->pending) != 0;
    uint64_t count = 1;
    ssize_t done = 0;
    if (client->pending_fd < 0 || raise == client->pending_fd_raised)
        return;
    if (raise)
        done = write(client->pending_fd, &count, sizeof count);
    else
        done = read(client->pending_fd, &count, sizeof count);
    (void)done;
    client->pending_fd_raised = raise;
}

static void update_fd(struct kurier_client *client)
{
    pthread_mutex_lock(&client->lock);
    show_on_fd(client);
    pthread_mutex_unlock(&client->lock);
}

void kc_client_pend(struct kurier_client *client, uint32_t bits)
{
    if (atomic_fetch_or(&client->pending, bits) == 0)
        update_fd(client);
    kc_notify(&client->waits, bits);
}

void kc_client_unpend(struct kurier_client *client, uint32_t bits)
{
    uint32_t before = atomic_fetch_and(&client->pending, ~bits);
    if (before && !(before & ~bits))
        update_fd(client);
}

/* One who ends a call and one who hears of another may meet here: what counts is how
 * many are unheard, not who came last. */
void kc_client_resume_changed(struct kurier_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool any = client->unheard > 0;
    if (any)
        atomic_fetch_or(&client->pending, KURIER_RESUME);
    else
        atomic_fetch_and(&client->pending, ~(unsigned)KURIER_RESUME);
    show_on_fd(client);
    pthread_mutex_unlock(&client->lock);
    if (any)
        kc_notify(&client->waits, KURIER_RESUME);
}

int kc_client_fd(struct kurier_client *client)
{
    pthread_mutex_lock(&client->lock);
    if (client->pending_fd < 0)
        client->pending_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    show_on_fd(client);
    int fd = client->pending_fd;
    pthread_mutex_unlock(&client->lock);
    return fd;
}
