/* SPDX-License-Identifier: Apache-2.0 */
/* group reset: where a group without members goes on. */
#include "cli/commands.h"
#include "cli/group_plan.h"
#include "cli/iso8601.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What was chosen: which place, and the number or time that it needs. */
struct choice {
    const struct place *place;
    int64_t number; /* milliseconds of a time, too */
};

struct place {
    const char *flag, *value; /* what is expected behind it */
    size_t field;             /* in struct reset_flags: const char *, or bool without a value */
    bool (*parse)(const char *text, int64_t *out); /* NULL: there is nothing to parse */
    bool by_time;
    int64_t (*target)(const struct plan_row *row, int64_t number); /* -1: none */
};

/* ---- Places ---------------------------------------------------------------------------*/

static bool parse_offset(const char *text, int64_t *out)
{
    return cli_number(text, 0, INT64_MAX, out);
}

static bool parse_shift(const char *text, int64_t *out)
{
    return cli_number(text, -INT64_MAX, INT64_MAX, out);
}

static bool parse_duration(const char *text, int64_t *out)
{
    struct timespec now;
    int64_t ms;
    if (!iso8601_duration(text, &ms))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000 - ms;
    if (*out < 0)
        *out = 0;
    return true;
}

static int64_t earliest(const struct plan_row *row, int64_t number)
{
    (void)number;
    return row->first;
}

static int64_t latest(const struct plan_row *row, int64_t number)
{
    (void)number;
    return row->end;
}

static int64_t current(const struct plan_row *row, int64_t number)
{
    (void)number;
    return row->committed >= 0 ? row->committed : row->end;
}

static int64_t fixed(const struct plan_row *row, int64_t number)
{
    (void)row;
    return number;
}

/* As far as the partition goes. */
static int64_t shifted(const struct plan_row *row, int64_t number)
{
    if (row->committed < 0)
        return -1;
    if (number > 0)
        return number > row->end - row->committed ? row->end : row->committed + number;
    return number < row->first - row->committed ? row->first : row->committed + number;
}

static int64_t at_time(const struct plan_row *row, int64_t number)
{
    (void)number;
    return row->at_time >= 0 ? row->at_time : row->end;
}

static int64_t given(const struct plan_row *row, int64_t number)
{
    (void)number;
    return row->target;
}

#define FIELD(name) offsetof(struct reset_flags, name)
static const struct place places[] = {
    {"to-earliest", NULL, FIELD(to_earliest), NULL, false, earliest},
    {"to-latest", NULL, FIELD(to_latest), NULL, false, latest},
    {"to-current", NULL, FIELD(to_current), NULL, false, current},
    {"to-offset", "an offset", FIELD(to_offset), parse_offset, false, fixed},
    {"shift-by", "a number", FIELD(shift_by), parse_shift, false, shifted},
    {"to-datetime", "a time such as 2024-05-06T07:08:09.123+02:00", FIELD(to_datetime),
     iso8601_time, true, at_time},
    {"by-duration", "a duration such as PT5M or P1DT12H", FIELD(by_duration), parse_duration, true,
     at_time},
    {"from-file", "a file", FIELD(from_file), NULL, false, given},
};
enum { PLACES = sizeof places / sizeof *places };

/* What stands behind the flag; NULL: nothing, or it takes nothing. */
static const char *value_of(const struct args *args, const struct place *place)
{
    const char *field = (const char *)&args->reset + place->field;
    return place->value ? *(const char *const *)field : NULL;
}

static bool is_given(const struct args *args, const struct place *place)
{
    const char *field = (const char *)&args->reset + place->field;
    return place->value ? value_of(args, place) != NULL : *(const bool *)field;
}

/* ---- What the flags say -------------------------------------------------------------------*/

static int choose(const struct args *args, struct choice *choice)
{
    for (size_t i = 0; i < PLACES; i++) {
        if (!is_given(args, &places[i]))
            continue;
        if (choice->place)
            return cli_misuse(args, "--%s and --%s cannot both be", choice->place->flag,
                              places[i].flag);
        choice->place = &places[i];
    }
    if (!choice->place)
        return cli_misuse(args, "say where to: --to-earliest, --to-latest, --to-offset, "
                                "--to-datetime, --by-duration, --shift-by, --to-current or "
                                "--from-file");
    const struct place *place = choice->place;
    const char *text = value_of(args, place);
    if (place->parse && !place->parse(text, &choice->number))
        return cli_misuse(args, "--%s %s: this is not %s", place->flag, text, place->value);
    return 0;
}

static int check(const struct args *args)
{
    int scopes = (args->topic_count > 0) + args->all_topics + (args->reset.from_file != NULL);
    if (args->operand_count > 1)
        return cli_misuse(args, "one GROUP at a time, not %s as well", args->operands[1]);
    if (args->execute && args->dry_run)
        return cli_misuse(args, "--execute and --dry-run cannot both be");
    if (scopes != 1)
        return cli_misuse(args, "say of what: -t TOPIC, --all-topics or --from-file FILE");
    return 0;
}

/* ---- The group ------------------------------------------------------------------------------*/

/* "app at /10.0.0.1, and 2 more" */
static int say_who_lives(const kurier_group_info *group)
{
    const kurier_group_member *first = &group->members[0];
    if (group->member_count == 1)
        return cli_fail("%s: the group has a live member, %s at %s; stop it first, then reset",
                        group->name, first->client, first->host);
    return cli_fail("%s: the group has %" PRIu32
                    " live members, %s at %s for one; stop them first, then reset",
                    group->name, group->member_count, first->client, first->host);
}

/* Members would go on where they are, and commit that. A group that is not there yet may
 * be given offsets. */
static int check_group(struct admin *admin, const char *name)
{
    int status;
    kurier_result *result = admin_ask(admin, kurier_admin_describe_groups(&name, 1), &status);
    if (!result)
        return status;
    const kurier_group_info *group = kurier_result_group(result, 0);
    if (group->code)
        status = admin_complain(result, KURIER_E_GROUP_ID_NOT_FOUND);
    else if (group->member_count)
        status = say_who_lives(group);
    else if (strcmp(group->state, "Empty") != 0)
        status = cli_fail("%s: the group is %s, not Empty; wait until it is", name, group->state);
    kurier_result_free(result);
    return status;
}

/* ---- The plan -------------------------------------------------------------------------------*/

/* Within the partition, as a consumer would have to go there. */
static void keep_within(const struct args *args, struct plan_row *row)
{
    int64_t wanted = row->target;
    if (wanted > row->end)
        row->target = row->end;
    if (wanted < row->first)
        row->target = row->first;
    if (row->target != wanted)
        cli_say(args,
                "%s [%" PRId32 "] goes from %" PRId64 " to %" PRId64 ": it is %" PRId64
                " instead of %" PRId64,
                row->topic, row->partition, row->first, row->end, row->target, wanted);
}

static int set_targets(struct plan *plan, const struct args *args, const struct choice *choice)
{
    int status = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_row *row = &plan->rows[i];
        row->target = choice->place->target(row, choice->number);
        if (row->target < 0)
            status = cli_fail("%s [%" PRId32 "]: nothing is committed that could be shifted",
                              row->topic, row->partition);
        else
            keep_within(args, row);
    }
    return status;
}

static void print_lines(const struct args *args, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        out_format(args->out, "%s,%" PRId32 ",%" PRId64 "\n", plan->rows[i].topic,
                   plan->rows[i].partition, plan->rows[i].target);
}

static void print_plan(const struct args *args, const char *group, const struct plan *plan)
{
    static const struct column columns[] = {
        {"GROUP", "group"}, {"TOPIC", "topic"}, {">PARTITION", "partition"},
        {">FROM", "from"},  {">TO", "to"},      {NULL, NULL}};
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; i < plan->count; i++) {
        listing_text(&listing, group);
        listing_text(&listing, plan->rows[i].topic);
        listing_number(&listing, plan->rows[i].partition);
        listing_number(&listing, plan->rows[i].committed);
        listing_number(&listing, plan->rows[i].target);
    }
    listing_end(&listing);
}

static int execute(struct admin *admin, const char *group, const struct plan *plan)
{
    kurier_group_offset *offsets = calloc(plan->count + 1, sizeof *offsets);
    int status;
    if (!offsets)
        return cli_fail("out of memory");
    for (size_t i = 0; i < plan->count; i++)
        offsets[i] = (kurier_group_offset){.topic = plan->rows[i].topic,
                                           .partition = plan->rows[i].partition,
                                           .leader_epoch = -1,
                                           .offset = plan->rows[i].target};
    kurier_result *result =
        admin_ask(admin, kurier_admin_alter_group_offsets(group, offsets, plan->count), &status);
    free(offsets);
    if (result)
        status = admin_complain(result, KURIER_OK);
    kurier_result_free(result);
    return status;
}

static int reset(struct admin *admin, const char *group, const struct choice *choice,
                 struct plan *plan)
{
    const struct args *args = admin->args;
    int status = check_group(admin, group);
    if (!status)
        status = plan_load(plan, admin, group);
    if (!status)
        status = plan_find(plan, admin, choice->place->by_time ? choice->number : -1);
    if (!status)
        status = set_targets(plan, args, choice);
    if (!status && args->execute)
        status = execute(admin, group, plan);
    if (status)
        return status;
    if (args->export)
        print_lines(args, plan);
    else
        print_plan(args, group, plan);
    out_flush(args->out);
    if (!args->execute)
        cli_say(args, "nothing was changed; with --execute it will be");
    return 0;
}

static int run(struct args *args)
{
    struct admin admin;
    struct plan plan = {0};
    struct choice choice = {0};
    int status = choose(args, &choice);
    if (!status)
        status = check(args);
    if (status)
        return status;
    status = admin_open(&admin, args);
    if (!status)
        status = reset(&admin, args->operands[0], &choice, &plan);
    plan_free(&plan);
    admin_close(&admin);
    return status;
}

const struct command group_reset_command = {
    .name = "group reset",
    .operands = "GROUP",
    .doc = "changes where a group without members goes on",
    .flags = "topic all-topics from-file to-earliest to-latest to-offset to-datetime by-duration "
             "shift-by to-current execute dry-run export json",
    .traits = TAKES_BROKERS,
    .run = run,
    .about =
        "Of the topics of -t, of all topics that the group has offsets of, or of the partitions in "
        "a file. Behind -t TOPIC may stand partitions: -t orders:0,2-4.\n\n"
        "Without --execute it only shows what would be. A place outside a partition becomes its "
        "beginning or end. It is refused while the group has members: they would go on where "
        "they are, and commit that.",
};
