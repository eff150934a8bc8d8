/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RAW_ECHO_H
#define SIM_RAW_ECHO_H
/* Says requests again, later and over another connection, and hears no answer: what a
 * network does that loses and repeats. */
#include "tests/sim/raw.h"

enum { RAW_ECHOES = 4 };

struct raw_echoes {
    struct raw_link link;
    struct raw_echo {
        struct raw_echoes *all;
        struct kn_timer timer;
        int16_t key, version;
        struct kb_buf *body; /* NULL: free */
    } each[RAW_ECHOES];
};

void raw_echoes_open(struct raw_echoes *echoes, struct process *process);
/* False: there are too many of them already. A reference is taken. */
bool raw_echo(struct raw_echoes *echoes, int16_t key, int16_t version, struct kb_buf *body,
              int64_t in_ms);
void raw_echoes_close(struct raw_echoes *echoes);

#endif
