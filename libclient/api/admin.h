/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ADMIN_H
#define KC_ADMIN_H
/* What other parts of the library know of administration. */

struct kurier_client;

/* Results that nobody took; the client is going away. */
void kc_admin_forget(struct kurier_client *client);

#endif
