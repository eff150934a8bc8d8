/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_BOOTSTRAP_H
#define KC_BOOTSTRAP_H
/* bootstrap.servers: "host", "host:port", "[v6]:port", separated by commas;
 * "PLAINTEXT://" before a host is accepted. Port 9092 where none stands. */
#include "base/error.h"
#include <stddef.h>

struct kc_address {
    char *host;
    int32_t port;
};

struct kc_bootstrap {
    struct kc_address *addresses;
    size_t count;
};

/* KB_E_BAD_CONFIG names the entry; nothing is kept then. */
int kc_bootstrap_parse(struct kc_bootstrap *out, const char *servers, struct kb_error *err);
void kc_bootstrap_deinit(struct kc_bootstrap *bootstrap);

#endif
