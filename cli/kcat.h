/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_KCAT_H
#define CLI_KCAT_H
/* Called as kcat is: -P, -C, -L or -Q somewhere among the flags, and no command. */
#include "cli/cli.h"

/* What the mode comes to, with kcat's flags; NULL after a complaint. The copy
 * lies in *room. */
const struct command *kcat_command(int argc, char **argv, struct command *room);

#endif
