/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/debug.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/options.h"
#include "libclient/drive/link.h"
#include "wire/print.h"

#include <inttypes.h>
#include <stdio.h>

enum { FACTS_BYTES = 512, MESSAGE_BYTES = 8192 };

static const struct {
    unsigned bits;
    const char *name;
} contexts[] = {{KC_DEBUG_BROKER, "broker"},
                {KC_DEBUG_TOPIC, "topic"},
                {KC_DEBUG_METADATA, "metadata"},
                {KC_DEBUG_PROTOCOL, "protocol"},
                {KC_DEBUG_ALL, "all"}};

const char *kc_debug_name(unsigned context)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(contexts); i++)
        if (contexts[i].bits == context)
            return contexts[i].name;
    return "debug";
}

/* ---- Connections -------------------------------------------------------------- */

void kc_debug_link(const struct kc_debug *debug, const struct kc_link *link)
{
    static const char *const states[] = {[KC_LINK_IDLE] = "idle",
                                         [KC_LINK_DIALLING] = "dialling",
                                         [KC_LINK_UP] = "up",
                                         [KC_LINK_RESTING] = "resting"};
    const struct kb_error *cause = kc_link_cause(link);
    KC_DEBUG(debug, BROKER, "broker=%d address=%s state=%s%s%s%s", kc_link_node(link),
             kc_link_name(link), states[kc_link_state(link)], cause->code ? " cause=\"" : "",
             cause->code ? cause->text : "", cause->code ? "\"" : "");
}

/* ---- Messages ----------------------------------------------------------------- */

static size_t size_of(const struct kb_piece *pieces, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += pieces[i].bytes.size;
    return size;
}

/* In one piece; kb_free it. NULL: no memory. */
static uint8_t *join(const struct kb_piece *pieces, size_t n, size_t size)
{
    uint8_t *all = kb_malloc(size ? size : 1), *at = all;
    for (size_t i = 0; all && i < n; i++) {
        if (pieces[i].bytes.size)
            memcpy(at, pieces[i].bytes.data, pieces[i].bytes.size);
        at += pieces[i].bytes.size;
    }
    return all;
}

static void on_request(struct kn_tap *tap, const struct kn_rpc *rpc, const struct kb_piece *pieces,
                       size_t n)
{
    const struct kc_debug *debug = KB_CONTAINER(tap, struct kc_debug, tap);
    char line[FACTS_BYTES + MESSAGE_BYTES];
    size_t size = size_of(pieces, n);
    uint8_t *frame = join(pieces, n, size);
    if (!frame)
        return;
    int used = snprintf(line, FACTS_BYTES, "peer=%s bytes=%zu request=", kn_rpc_name(rpc), size);
    used = KB_MIN(used, FACTS_BYTES - 1);
    kw_print_request(kb_slice_of(frame, size), 0, line + used, sizeof line - (size_t)used);
    kb_log_text(debug->log, KB_LOG_DEBUG, "protocol", line);
    kb_free(frame);
}

static void on_response(struct kn_tap *tap, const struct kn_rpc *rpc, int16_t key, int16_t version,
                        struct kb_slice frame, int64_t took_ms)
{
    const struct kc_debug *debug = KB_CONTAINER(tap, struct kc_debug, tap);
    char line[FACTS_BYTES + MESSAGE_BYTES];
    int used = snprintf(line, FACTS_BYTES,
                        "peer=%s bytes=%zu took_ms=%" PRId64 " response=", kn_rpc_name(rpc),
                        frame.size, took_ms);
    used = KB_MIN(used, FACTS_BYTES - 1);
    kw_print_response(key, version, frame, 0, line + used, sizeof line - (size_t)used);
    kb_log_text(debug->log, KB_LOG_DEBUG, "protocol", line);
}

/* ---- What was asked for --------------------------------------------------------- */

void kc_debug_init(struct kc_debug *debug, const char *wanted, struct kb_log *log)
{
    *debug = (struct kc_debug){.log = log,
                               .tap = {.on_request = on_request, .on_response = on_response}};
    for (size_t i = 0; i < KB_ARRAY_SIZE(contexts); i++)
        if (kb_options_list_has(wanted, contexts[i].name))
            debug->contexts |= contexts[i].bits;
}

struct kn_tap *kc_debug_tap(struct kc_debug *debug)
{
    return debug->contexts & KC_DEBUG_PROTOCOL ? &debug->tap : NULL;
}
