/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H
/* Pieces of a file, each up to a delimiter; the last one may lack it. */
#include "cli/cli.h"

struct input;

/* NULL path: standard input. NULL: see errno. The delimiter is borrowed. */
struct input *input_open(const char *path, kurier_bytes delimiter);
void input_free(struct input *input);
/* A piece that is there already; good until the next call of input_more. */
bool input_next(struct input *input, kurier_bytes *out);
/* Reads more, waiting; the last piece without its delimiter comes only once all
 * is read. 1: look again; 0: the end, or asked to stop; -1: see errno.
 * idle: also ends the wait when it can be read; -1: nothing does. */
int input_more(struct input *input, int idle);
size_t input_unfinished(const struct input *input); /* bytes behind the last delimiter */

/* The whole file as one; free out->data. False: see errno. */
bool input_whole(const char *path, kurier_bytes *out);

#endif
