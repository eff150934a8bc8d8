/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_PATTERN_H
#define KC_PATTERN_H
/*
 * Which topics a pattern matches, for as long as somebody is subscribed by it:
 * the cluster's topics are asked for at once, and again whenever
 * metadata.max.age.ms is over. Internal ones count only as
 * exclude.internal.topics says.
 *
 *     new ──> Metadata of all topics ──> names ──> changed(owner)
 *               ^                                    │
 *               └── metadata.max.age.ms; an error: ──┘ retry.backoff.ms
 *
 * On the loop, but for kc_pattern_compile.
 */
#include "base/regex.h"
#include "libclient/core/group/names.h"
#include "libclient/drive/client.h"

struct kc_pattern;
struct kurier_consumer;

/* The names, when they are known and whenever they change. False: no memory, so it is
 * told again. */
typedef bool kc_pattern_fn(struct kurier_consumer *owner, const char *pattern,
                           const struct kc_names *names);

/* Any thread. KB_E_INVALID_REGULAR_EXPRESSION, KB_E_NO_MEMORY. */
int kc_pattern_compile(const char *text, struct kb_regex **out, struct kb_error *err);
/* Takes the regex. NULL: no memory, and the regex is the caller's. */
struct kc_pattern *kc_pattern_new(struct kurier_client *client, const char *text,
                                  struct kb_regex *regex_give, kc_pattern_fn *changed,
                                  struct kurier_consumer *owner);
void kc_pattern_free(struct kc_pattern *pattern); /* NULL is fine */
/* Were names told? */
bool kc_pattern_is_known(const struct kc_pattern *pattern);

#endif
