/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HELP_H
#define CLI_HELP_H
/* What the tables of commands and flags say, in their several shapes. */
#include "cli/args.h"

void help_all(struct out *out);
void help_group_commands(struct out *out, const struct group *group);
void help_command(struct out *out, const struct command *command);
/* The page kurier-GROUP.1 in man's language. */
void help_manual(struct out *out, const struct group *group);
/* Every configuration key; with JSON as an array. */
void help_keys(struct out *out, bool json);
/* What they are set to. */
void help_values(struct out *out, const kurier_config *config, bool json);
/* What may stand in place `at` of the words, a line each; for the shell. */
int help_complete(struct out *out, int at, int count, char **words);

const struct group *help_group(const char *word); /* NULL: none */
/* The command that the words name, and how many of them do; NULL: none. */
const struct command *help_find(int count, char **words, int *used);

#endif
