/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/group/finder.h"
#include "base/check.h"
#include "base/mem.h"
#include "wire/gen/find_coordinator.h"

enum { BY_KEYS = 4 }; /* the version that asks for several */

void kc_finder_init(struct kc_finder *finder, enum kc_find type, const char *key,
                    int32_t backoff_ms, int32_t backoff_max_ms, struct kb_random *random)
{
    *finder = (struct kc_finder){.type = type, .key = key, .random = random, .node = -1};
    kb_error_clear(&finder->err);
    kc_backoff_init(&finder->backoff, backoff_ms, backoff_max_ms);
}

void kc_finder_deinit(struct kc_finder *finder)
{
    kb_free(finder->host);
}

void kc_finder_want(struct kc_finder *finder)
{
    finder->wanted = true;
    finder->refused = false;
}

void kc_finder_lost(struct kc_finder *finder)
{
    finder->version += finder->node >= 0;
    finder->node = -1;
}

bool kc_finder_ask(struct kc_finder *finder, struct kb_time now)
{
    if (kc_finder_deadline_ms(finder) > now.mono_ms)
        return false;
    finder->asked = true;
    return true;
}

int64_t kc_finder_deadline_ms(const struct kc_finder *finder)
{
    bool idle = !finder->wanted || finder->asked || finder->refused || finder->node >= 0;
    return idle ? KB_NEVER : finder->not_before_ms;
}

bool kc_finder_encode(const struct kc_finder *finder, struct kw_writer *w, int16_t version)
{
    struct kw_find_coordinator_request request;
    struct kb_slice key = kb_slice_str(finder->key);
    kw_find_coordinator_request_init(&request);
    request.key_type = (int8_t)finder->type;
    if (version < BY_KEYS) {
        request.key = key;
    } else {
        request.coordinator_keys = &key;
        request.coordinator_keys_count = 1;
    }
    return kw_find_coordinator_request_encode(w, version, &request);
}

/* ---- Answers -------------------------------------------------------------------*/

void kc_finder_failure(struct kc_finder *finder, struct kb_time now, const struct kb_error *why)
{
    finder->asked = false;
    finder->err = *why;
    finder->refused = !(why->classes & KB_RETRIABLE) && why->code != KB_E_UNKNOWN_SERVER_ERROR;
    finder->not_before_ms = now.mono_ms + kc_backoff_next_ms(&finder->backoff, finder->random);
}

static void refuse(struct kc_finder *finder, struct kb_time now, int code, struct kb_slice words)
{
    struct kb_error err;
    kb_error_set(&err, code, "%s %s: its coordinator is not told: %s%s%.*s%s",
                 finder->type == KC_FIND_TXN ? "transactional.id" : "group", finder->key,
                 kb_code_text(code), words.size ? " (" : "", (int)KB_MIN(words.size, (size_t)80),
                 words.size ? (const char *)words.data : "", words.size ? ")" : "");
    kc_finder_failure(finder, now, &err);
}

static void found(struct kc_finder *finder, struct kb_time now, int32_t node, struct kb_slice host,
                  int32_t port)
{
    char *copy = node >= 0 ? kb_strndup((const char *)host.data, host.size) : NULL;
    if (!copy) {
        refuse(finder, now, node >= 0 ? KB_E_NO_MEMORY : KB_E_COORDINATOR_NOT_AVAILABLE,
               kb_slice_null());
        return;
    }
    kb_free(finder->host);
    finder->host = copy;
    finder->port = port;
    finder->node = node;
    finder->asked = false;
    finder->version++;
    finder->not_before_ms = 0;
    kc_backoff_reset(&finder->backoff);
    kb_error_clear(&finder->err);
}

void kc_finder_answer(struct kc_finder *finder, struct kb_time now, int16_t version,
                      const struct kw_find_coordinator_response *response)
{
    if (version < BY_KEYS) {
        if (response->error_code)
            refuse(finder, now, response->error_code, response->error_message);
        else
            found(finder, now, response->node_id, response->host, response->port);
    } else if (response->coordinators_count != 1) {
        refuse(finder, now, KB_E_COORDINATOR_NOT_AVAILABLE, kb_slice_null());
    } else if (response->coordinators[0].error_code) {
        refuse(finder, now, response->coordinators[0].error_code,
               response->coordinators[0].error_message);
    } else {
        found(finder, now, response->coordinators[0].node_id, response->coordinators[0].host,
              response->coordinators[0].port);
    }
}
