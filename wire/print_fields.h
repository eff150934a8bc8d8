/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KW_PRINT_FIELDS_H
#define KW_PRINT_FIELDS_H
/* print.h's parts: one message's fields, and what a records field holds. */
#include "wire/json.h"
#include "wire/layout.h"

/* A decoded struct as an object. */
void kw_print_fields(struct kw_json *j, const struct kw_layout *layout, int16_t version,
                     const void *m, unsigned flags);
/* Batches as an object; null for null. */
void kw_print_batches(struct kw_json *j, struct kb_slice records, unsigned flags);
/* Whether some field of it, however deep, is secret. */
bool kw_layout_is_secret(const struct kw_layout *layout);

#endif
