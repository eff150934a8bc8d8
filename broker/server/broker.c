/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"
#include "base/mem.h"
#include "broker/server/life.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum state { FRESH, STARTING, SERVING, STOPPING, STOPPED };

struct kd_broker {
    struct kd_broker_options options;
    struct kd_config config;
    struct kd_life life;
    struct kb_fs *own_fs;
    struct kn_exec *exec;
    uint64_t seed;
    char listeners[1024];

    /* Over a thread of its own. */
    struct kn_env *env;
    struct kn_loop *loop;
    pthread_t thread;
    bool has_thread, begun;
    struct kn_mail start_mail, stop_mail;
    pthread_mutex_t lock; /* of state and err */
    pthread_cond_t changed;
    enum state state;
    struct kb_error err;
};

static struct kd_broker *broker_of(struct kd_life *life)
{
    return KB_CONTAINER(life, struct kd_broker, life);
}

static void set_state(struct kd_broker *broker, enum state state)
{
    pthread_mutex_lock(&broker->lock);
    broker->state = state;
    pthread_cond_broadcast(&broker->changed);
    pthread_mutex_unlock(&broker->lock);
}

static enum state get_state(struct kd_broker *broker)
{
    pthread_mutex_lock(&broker->lock);
    enum state state = broker->state;
    pthread_mutex_unlock(&broker->lock);
    return state;
}

static enum state wait_until(struct kd_broker *broker, enum state a, enum state b)
{
    pthread_mutex_lock(&broker->lock);
    while (broker->state != a && broker->state != b)
        pthread_cond_wait(&broker->changed, &broker->lock);
    enum state state = broker->state;
    pthread_mutex_unlock(&broker->lock);
    return state;
}

/* ---- Making ------------------------------------------------------------- */

struct kd_broker *kd_broker_new(const struct kd_broker_options *options, struct kb_error *err)
{
    struct kd_broker *broker = KB_NEW(struct kd_broker);
    if (!broker || !kd_config_init(&broker->config)) {
        kb_free(broker);
        kb_error_set(err, KB_E_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (options)
        broker->options = *options;
    broker->seed = broker->options.seed ? broker->options.seed : kb_entropy();
    pthread_mutex_init(&broker->lock, NULL);
    pthread_cond_init(&broker->changed, NULL);
    return broker;
}

int kd_broker_set(struct kd_broker *broker, const char *key, const char *value,
                  struct kb_error *err)
{
    if (broker->state != FRESH)
        return kb_error_set(err, KB_E_STATE, "%s cannot be set once the broker is started", key);
    return kd_config_set(&broker->config, key, value, broker->options.log, err);
}

/* The whole file with a 0 byte behind it; NULL: errno says why. */
static char *read_file(const char *path, size_t *size)
{
    enum { MAX = 1 << 20 };
    char *text = kb_malloc(MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 && text ? read(fd, text, MAX - 1) : -1;
    int problem = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        kb_free(text);
        errno = problem;
        return NULL;
    }
    text[n] = 0;
    *size = (size_t)n;
    return text;
}

int kd_broker_load(struct kd_broker *broker, const char *path, struct kb_error *err)
{
    struct kb_error why;
    size_t size;
    kb_error_clear(&why);
    char *text = read_file(path, &size);
    if (!text)
        return kb_error_errno(err, KB_E_BAD_CONFIG, errno, "cannot read %s", path);
    int code = kd_config_load(&broker->config, text, size, broker->options.log, &why);
    kb_free(text);
    return code ? kb_error_set(err, code, "%s: %s", path, why.text) : 0;
}

/* ---- Events of its life ------------------------------------------------- */

/* What went wrong on the disk says where. */
static struct kb_error with_path(const struct kd_broker *broker, const struct kb_error *err)
{
    struct kb_error out = *err;
    bool of_disk = err->code == KB_E_DISK || err->code == KB_E_KAFKA_STORAGE_ERROR;
    if (of_disk && broker->own_fs && !strstr(err->text, broker->config.log_dirs))
        kb_error_set(&out, err->code, "%s: %s", broker->config.log_dirs, err->text);
    return out;
}

static void on_started(struct kd_life *life, const struct kb_error *why)
{
    struct kd_broker *broker = broker_of(life);
    const struct kb_error *err = &broker->err;
    kd_listeners_format(&life->shard.listeners, broker->listeners, sizeof broker->listeners);
    broker->err = with_path(broker, why);
    set_state(broker, err->code ? STOPPED : SERVING);
    if (broker->options.events.started)
        broker->options.events.started(broker->options.ctx, err);
}

static void on_stopped(struct kd_life *life)
{
    struct kd_broker *broker = broker_of(life);
    set_state(broker, STOPPED);
    if (broker->options.events.stopped)
        broker->options.events.stopped(broker->options.ctx);
}

static void on_failed(struct kd_life *life, const struct kb_error *err)
{
    struct kd_broker *broker = broker_of(life);
    if (broker->options.events.failed)
        broker->options.events.failed(broker->options.ctx, err);
}

/* ---- Start -------------------------------------------------------------- */

static int open_directory(struct kd_broker *broker, struct kb_error *err)
{
    const char *path = broker->config.log_dirs;
    char *told = broker->life.shard.log_dir;
    snprintf(told, PATH_MAX, "%s", path);
    if (broker->options.fs)
        return 0;
    if (mkdir(path, 0750) && errno != EEXIST)
        return kb_error_errno(err, KB_E_DISK, errno, "cannot make the data directory %s", path);
    if (!realpath(path, told))
        return kb_error_errno(err, KB_E_DISK, errno, "cannot find the data directory %s", path);
    int r = kb_fs_posix_new(path, &broker->own_fs);
    return r < 0 ? kb_error_errno(err, KB_E_DISK, -r, "cannot open the data directory %s", path)
                 : 0;
}

static int open_world(struct kd_broker *broker, struct kb_error *err)
{
    broker->loop = broker->options.loop;
    if (!broker->loop) {
        broker->env = kn_env_real_new();
        broker->loop = broker->env ? kn_loop_new(broker->env) : NULL;
    }
    if (broker->loop)
        broker->exec = kn_exec_new(kn_loop_env(broker->loop), broker->config.io_threads);
    return broker->exec ? 0 : kb_error_set(err, KB_E_NO_MEMORY, "cannot make the event loop");
}

static void start_life(struct kn_loop *loop, struct kn_mail *mail)
{
    struct kd_broker *broker = KB_CONTAINER(mail, struct kd_broker, start_mail);
    (void)loop;
    broker->begun = get_state(broker) != STOPPED; /* halted before its first turn? */
    if (broker->begun)
        kd_life_start(&broker->life, broker->seed);
}

static void *run(void *arg)
{
    struct kd_broker *broker = arg;
    kn_loop_run(broker->loop);
    return NULL;
}

static int start_thread(struct kd_broker *broker, struct kb_error *err)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the application's */
    int problem = pthread_create(&broker->thread, NULL, run, broker);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    broker->has_thread = !problem;
    return problem ? kb_error_errno(err, KB_E_NO_MEMORY, problem, "cannot start a thread") : 0;
}

static void prepare(struct kd_broker *broker)
{
    struct kd_life *life = &broker->life;
    if (broker->options.log)
        broker->options.log->level = kd_config_log_level(&broker->config);
    kd_configs_init(&life->shard.configs, &broker->config);
    life->shard.config = &life->shard.configs.live.now;
    life->shard.log = broker->options.log;
    life->shard.fs = broker->options.fs ? broker->options.fs : broker->own_fs;
    life->shard.loop = broker->loop;
    life->shard.exec = broker->exec;
    life->started = on_started;
    life->stopped = on_stopped;
    life->failed = on_failed;
    broker->start_mail.fn = start_life;
}

int kd_broker_start(struct kd_broker *broker, struct kb_error *err)
{
    if (broker->state != FRESH)
        return kb_error_set(err, KB_E_STATE, "a broker is started once");
    int code = kd_config_settle(&broker->config, err);
    if (!code)
        code = kd_listeners_parse(&broker->life.shard.listeners, &broker->config, err);
    if (!code)
        code = open_directory(broker, err);
    if (!code)
        code = open_world(broker, err);
    if (!code)
        prepare(broker);
    if (!code && !broker->options.loop)
        code = start_thread(broker, err);
    if (code) {
        broker->state = STOPPED;
        return code;
    }
    broker->state = STARTING;
    kn_loop_post(broker->loop, &broker->start_mail);
    if (broker->options.loop)
        return 0;
    if (wait_until(broker, SERVING, STOPPED) == STOPPED && err)
        *err = broker->err;
    return broker->err.code;
}

/* ---- Stop --------------------------------------------------------------- */

static void stop_life(struct kn_loop *loop, struct kn_mail *mail)
{
    struct kd_broker *broker = KB_CONTAINER(mail, struct kd_broker, stop_mail);
    (void)loop;
    kd_life_stop(&broker->life);
}

static bool claim_stop(struct kd_broker *broker)
{
    pthread_mutex_lock(&broker->lock);
    bool ours = broker->state == STARTING || broker->state == SERVING;
    if (ours)
        broker->state = STOPPING;
    pthread_mutex_unlock(&broker->lock);
    return ours;
}

void kd_broker_stop(struct kd_broker *broker)
{
    if (claim_stop(broker)) {
        broker->stop_mail.fn = stop_life;
        kn_loop_post(broker->loop, &broker->stop_mail);
    }
    if (!broker->has_thread)
        return;
    wait_until(broker, STOPPED, STOPPED);
    kn_loop_stop(broker->loop);
    pthread_join(broker->thread, NULL);
    broker->has_thread = false;
}

void kd_broker_halt(struct kd_broker *broker)
{
    if (broker->begun)
        kd_life_halt(&broker->life);
    if (broker->exec)
        kn_exec_free(broker->exec);
    broker->exec = NULL;
    set_state(broker, STOPPED);
}

bool kd_broker_discard(struct kd_broker *broker, const char *topic, int32_t partition)
{
    struct kd_coordinator_topic *topics[] = {&broker->life.groups.topic, &broker->life.txns.topic};
    struct kd_coordinator *c;
    for (size_t i = 0; get_state(broker) == SERVING && i < KB_ARRAY_SIZE(topics); i++)
        if (!strcmp(topics[i]->kind->topic, topic) && !kd_coordinator_at(topics[i], partition, &c))
            return kd_coordinator_discard(c);
    return false;
}

void kd_broker_free(struct kd_broker *broker)
{
    if (!broker)
        return;
    if (broker->has_thread)
        kd_broker_stop(broker);
    if (broker->exec)
        kn_exec_free(broker->exec);
    if (broker->env && broker->loop)
        kn_loop_free(broker->loop);
    if (broker->begun)
        kd_life_deinit(&broker->life);
    if (broker->env)
        broker->env->ops->free(broker->env);
    if (broker->own_fs)
        broker->own_fs->ops->free(broker->own_fs);
    kd_config_deinit(&broker->config);
    pthread_cond_destroy(&broker->changed);
    pthread_mutex_destroy(&broker->lock);
    kb_free(broker);
}

/* ---- Facts -------------------------------------------------------------- */

int kd_broker_port(const struct kd_broker *broker)
{
    return broker->life.shard.listeners.specs[0].bind.port;
}

const char *kd_broker_listeners(const struct kd_broker *broker)
{
    return broker->listeners;
}

int32_t kd_broker_node_id(const struct kd_broker *broker)
{
    return broker->config.node_id;
}
