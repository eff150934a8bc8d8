/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ENVELOPE_H
#define CLI_ENVELOPE_H
/*
 * A record as JSON, in kcat's field names:
 *
 *   {"topic":"t","partition":0,"offset":7,"tstype":"create","ts":1700000000000,
 *    "broker":1,"headers":["name","value"],"key":null,"payload":"text"}
 *
 * What is not UTF-8 cannot stand in JSON: beside the readable field there is then
 * "key_base64", "payload_base64" with every byte.
 */
#include "cli/cli.h"

void envelope_print(const struct args *args, const kurier_record *record, int32_t broker,
                    struct out *out);

/* The way back: key, payload, headers, ts are taken, the rest is passed over.
 * Views live until the next call. NULL, or why the line is no envelope. */
struct envelope;
struct envelope *envelope_new(void); /* NULL: no memory */
const char *envelope_read(struct envelope *envelope, kurier_bytes line, kurier_record *out);
void envelope_free(struct envelope *envelope);

#endif
