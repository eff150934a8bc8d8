/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kcat.h"
#include "cli/commands.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Flags of any mode are taken by all of them, as there. */
static const char kcat_flags[] = "topic partition offset until-end count format json key-delimiter "
                                 "delimiter null pack unbuffered go-on key header compression "
                                 "lines tee";
static const char kcat_letters[] = ":PCLQG:M:t:p:o:ec:f:JK:D:Zs:uEk:H:z:lTb:F:X:m:d:vqhr:O";

static const struct {
    char letter;
    const struct command *command;
    const char *refusal;
} modes[] = {
    {'P', &produce_command, NULL},
    {'C', &consume_command, NULL},
    {'L', &kcat_list_command, NULL},
    {'Q', &kcat_query_command, NULL},
    {'G', NULL,
     "-G: groups are not read here yet, only looked at (`kurier group`); -C -t TOPIC reads all "
     "partitions"},
    {'M', NULL,
     "-M: there is no mock cluster; `kurierd -o listeners=PLAINTEXT://127.0.0.1:0` is a "
     "real broker in milliseconds"},
    {'r', NULL, "-r: there is no schema registry"},
};

enum { MODES = sizeof modes / sizeof *modes, NONE = MODES };

static size_t mode_of(int letter)
{
    size_t i = 0;
    while (i < MODES && modes[i].letter != letter)
        i++;
    return i;
}

/* Without a letter it is what standard input suggests. */
static size_t find_mode(int argc, char **argv)
{
    int letter;
    size_t mode = NONE;
    optind = 0;
    opterr = 0;
    while ((letter = getopt(argc, argv, kcat_letters)) != -1)
        if (mode_of(letter) < MODES)
            mode = mode_of(letter);
    return mode < MODES ? mode : mode_of(isatty(STDIN_FILENO) ? 'C' : 'P');
}

const struct command *kcat_command(int argc, char **argv, struct command *room)
{
    size_t mode = find_mode(argc, argv);
    if (modes[mode].refusal) {
        cli_fail("%s", modes[mode].refusal);
        return NULL;
    }
    *room = *modes[mode].command;
    room->flags = kcat_flags;
    return room;
}
