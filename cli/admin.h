/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H
/* Asking brokers: a client, requests one after the other, complaints of items. */
#include "cli/cli.h"
#include "cli/listing.h"

struct admin {
    const struct args *args;
    kurier_client *client;
};

/* Connected. 0 or an exit status; to be closed in any case. */
int admin_open(struct admin *admin, const struct args *args);
void admin_close(struct admin *admin);

/* Takes the request. NULL after a complaint; *status says how to exit. */
kurier_result *admin_ask(struct admin *admin, kurier_request *request, int *status);
/* Says which items failed; those whose code is `fine` did not. 0 or EXIT_FAILED. */
int admin_complain(const kurier_result *result, kurier_code fine);

/* All of it for one request: open, ask, print (may be NULL), complain, close. */
typedef void admin_print_fn(const struct args *args, const kurier_result *result);
int admin_run(const struct args *args, kurier_request *request, admin_print_fn *print,
              kurier_code fine);

#endif
