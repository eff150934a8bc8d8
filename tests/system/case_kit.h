/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYSTEM_CASE_KIT_H
#define SYSTEM_CASE_KIT_H
/* What tests of producers begin with: one kurierd, one error, cases that are counted, and
 * a producer with its topic. */
#include "tests/kit/server.h"
#include <kurier/kurier.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static struct kit_server server;
static kurier_error err;
static int cases, failures;

static inline bool check(bool ok, const char *what)
{
    printf("%s %d - %s\n", ok ? "ok" : "not ok", ++cases, what);
    if (!ok && err.code)
        printf("# %s: %s\n", kurier_code_name(err.code), err.text);
    failures += !ok;
    fflush(stdout);
    return ok;
}

static inline int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct line {
    kurier_runtime *runtime;
    kurier_producer *producer;
    kurier_topic *topic;
};

/* settings: key, value, ..., NULL */
static inline kurier_config *configure(const char *const *settings)
{
    kurier_config *config = kurier_config_new();
    kurier_config_set(config, "bootstrap.servers", server.bootstrap);
    kurier_config_set(config, "log.level", "error");
    for (; settings && *settings; settings += 2)
        kurier_config_set(config, settings[0], settings[1]);
    return config;
}

#endif
