/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/runtime.h"
#include "base/check.h"
#include "libclient/api/config.h"
#include "libclient/api/error.h"
#include "net/loop.h"

kurier_runtime *kurier_runtime_new(kurier_mode mode, const kurier_config *config,
                                   kurier_error *public_err)
{
    struct kb_error *err = kc_error(public_err);
    if (mode != KURIER_THREADED && mode != KURIER_DRIVEN) {
        kb_error_set(err, KB_E_INVALID_ARGUMENT, "mode %d is neither THREADED nor DRIVEN", mode);
        return NULL;
    }
    if (kc_config_check(config, err))
        return NULL;
    return kc_runtime_new(mode, err);
}

void kurier_runtime_free(kurier_runtime *runtime)
{
    if (runtime)
        kc_runtime_unref(runtime);
}

/* Nobody but its own thread may look into a threaded runtime's loop. */
static bool steps_elsewhere(const kurier_runtime *runtime)
{
    return !kc_runtime_is_driven(runtime) || kc_forked(&runtime->fork);
}

int kurier_runtime_fd(const kurier_runtime *runtime)
{
    return steps_elsewhere(runtime) ? -1 : kn_loop_fd(runtime->loop);
}

int kurier_runtime_timeout_ms(const kurier_runtime *runtime)
{
    int64_t left_ms = steps_elsewhere(runtime) ? -1 : kn_loop_timeout_ms(runtime->loop);
    return (int)KB_MIN(left_ms, (int64_t)INT32_MAX);
}

bool kurier_runtime_step(kurier_runtime *runtime, kurier_error *public_err)
{
    struct kb_error *err = kc_error(public_err);
    if (kc_forked(&runtime->fork)) {
        kc_fork_error(err);
        return false;
    }
    if (!kc_runtime_is_driven(runtime)) {
        kb_error_set(err, KB_E_STATE, "a threaded runtime steps itself; make a DRIVEN one");
        return false;
    }
    return kn_loop_step(runtime->loop, 0);
}
