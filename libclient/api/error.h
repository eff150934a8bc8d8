/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KC_ERROR_H
#define KC_ERROR_H
/* kurier_error and kb_error are one layout under two names. */
#include "base/error.h"
#include "kurier/base.h"

_Static_assert(sizeof(kurier_error) == sizeof(struct kb_error), "one layout");
_Static_assert(offsetof(kurier_error, text) == offsetof(struct kb_error, text), "one layout");

/* NULL stays NULL. Clears it too: the first line of every function with an err. */
static inline struct kb_error *kc_error(kurier_error *err)
{
    kb_error_clear((struct kb_error *)err);
    return (struct kb_error *)err;
}

#endif
