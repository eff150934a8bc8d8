/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H
/*
 * How a record is printed: -f's text, cut into steps once, or kcat's envelope
 * in JSON.
 */
#include "cli/cli.h"

struct format;

/* NULL after a complaint; *status says how to exit. */
struct format *format_new(const struct args *args, int *status);
void format_free(struct format *format);
/* NULL, or why this record could not be printed; then nothing of it was.
 * broker: who leads its partition, for the envelope. */
const char *format_print(const struct format *format, const kurier_record *record, int32_t broker,
                         struct out *out);

#endif
