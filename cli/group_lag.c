/* SPDX-License-Identifier: Apache-2.0 */
/* group lag: how far groups are behind, partition by partition. */
#include "cli/commands.h"
#include "cli/group_show.h"
#include <stdlib.h>
#include <string.h>

struct row {
    const char *group, *topic, *metadata;
    int32_t partition;
    int64_t committed, end;            /* -1: not known */
    const kurier_group_member *member; /* NULL: nobody has it */
};

/* Names lie in the two results. */
struct rows {
    struct row *rows;
    size_t count;
    kurier_result *groups, *offsets;
};

/* ---- What groups have -----------------------------------------------------------------*/

static size_t count(const struct rows *r)
{
    const kurier_group_info *group;
    const kurier_group_offsets_info *offsets;
    size_t n = 0;
    for (size_t i = 0; (group = kurier_result_group(r->groups, i)); i++)
        for (uint32_t k = 0; k < group->member_count; k++)
            n += group->members[k].assigned_count;
    for (size_t i = 0; (offsets = kurier_result_group_offsets(r->offsets, i)); i++)
        n += offsets->offset_count;
    return n;
}

static bool is_wanted(const struct args *args, const char *topic)
{
    return !args->topic_count || group_topic_is_named(args, topic);
}

static void add_offsets(struct rows *r, const struct args *args,
                        const kurier_group_offsets_info *from)
{
    for (uint32_t i = 0; i < from->offset_count; i++) {
        const kurier_group_offset *offset = &from->offsets[i];
        if (is_wanted(args, offset->topic))
            r->rows[r->count++] = (struct row){.group = from->name,
                                               .topic = offset->topic,
                                               .metadata = offset->metadata,
                                               .partition = offset->partition,
                                               .committed = offset->offset,
                                               .end = -1};
    }
}

static void add_assigned(struct rows *r, const struct args *args, const kurier_group_info *group)
{
    for (uint32_t i = 0; i < group->member_count; i++) {
        const kurier_group_member *member = &group->members[i];
        for (uint32_t k = 0; k < member->assigned_count; k++)
            if (is_wanted(args, member->assigned[k].topic))
                r->rows[r->count++] = (struct row){.group = group->name,
                                                   .topic = member->assigned[k].topic,
                                                   .partition = member->assigned[k].partition,
                                                   .committed = -1,
                                                   .end = -1,
                                                   .member = member};
    }
}

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    if (!order)
        order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Sorted; what is committed and assigned is one row. */
static void merge(struct rows *r)
{
    size_t kept = 0;
    if (r->count)
        qsort(r->rows, r->count, sizeof *r->rows, compare);
    for (size_t i = 0; i < r->count; i++) {
        struct row *last = kept ? &r->rows[kept - 1] : NULL, *row = &r->rows[i];
        if (!last || compare(last, row)) {
            r->rows[kept++] = *row;
            continue;
        }
        if (row->member)
            last->member = row->member;
        if (row->committed >= 0) {
            last->committed = row->committed;
            last->metadata = row->metadata;
        }
    }
    r->count = kept;
}

static int load(struct rows *r, struct admin *admin, const struct group_names *names)
{
    kurier_group_ref *refs = calloc(names->count + 1, sizeof *refs);
    int status = 0;
    if (!refs)
        return cli_fail("out of memory");
    for (size_t i = 0; i < names->count; i++)
        refs[i].name = names->names[i];
    r->groups = admin_ask(admin, kurier_admin_describe_groups(names->names, names->count), &status);
    if (r->groups)
        r->offsets = admin_ask(admin, kurier_admin_list_group_offsets(refs, names->count), &status);
    free(refs);
    if (!r->offsets)
        return status;
    r->rows = calloc(count(r) + 1, sizeof *r->rows);
    if (!r->rows)
        return cli_fail("out of memory");
    for (size_t i = 0; i < names->count; i++) {
        add_offsets(r, admin->args, kurier_result_group_offsets(r->offsets, i));
        add_assigned(r, admin->args, kurier_result_group(r->groups, i));
    }
    merge(r);
    return 0;
}

/* ---- Where partitions end -----------------------------------------------------------------*/

/* Of a topic that is gone no end is known; that is no failure of the group's. */
static int find_ends(struct rows *r, struct admin *admin)
{
    kurier_position *positions = calloc(r->count + 1, sizeof *positions);
    kurier_result *result;
    int status = 0;
    if (!positions)
        return cli_fail("out of memory");
    for (size_t i = 0; i < r->count; i++)
        positions[i] = kurier_at(r->rows[i].topic, r->rows[i].partition, KURIER_END);
    result = admin_ask(admin, kurier_admin_list_offsets(positions, r->count), &status);
    free(positions);
    if (!result)
        return status;
    for (size_t i = 0; i < r->count; i++)
        if (!kurier_result_offset(result, i)->code)
            r->rows[i].end = kurier_result_offset(result, i)->offset;
    status = admin_complain(result, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION);
    kurier_result_free(result);
    return status;
}

/* ---- Printing -------------------------------------------------------------------------------*/

static int64_t lag_of(const struct row *row)
{
    if (row->committed < 0 || row->end < 0)
        return -1;
    return row->end > row->committed ? row->end - row->committed : 0;
}

static void print(const struct args *args, const struct rows *r)
{
    static const struct column columns[] = {
        {"GROUP", "group"},          {"TOPIC", "topic"},   {">PARTITION", "partition"},
        {">COMMITTED", "committed"}, {">END", "end"},      {">LAG", "lag"},
        {"METADATA", "metadata"},    {"CLIENT", "client"}, {"HOST", "host"},
        {"MEMBER", "member"},        {NULL, NULL}};
    struct listing listing;
    listing_begin(&listing, args, columns);
    for (size_t i = 0; i < r->count; i++) {
        const struct row *row = &r->rows[i];
        listing_text(&listing, row->group);
        listing_text(&listing, row->topic);
        listing_number(&listing, row->partition);
        listing_number(&listing, row->committed);
        listing_number(&listing, row->end);
        listing_number(&listing, lag_of(row));
        listing_text(&listing, row->metadata);
        listing_text(&listing, row->member ? row->member->client : NULL);
        listing_text(&listing, row->member ? row->member->host : NULL);
        listing_text(&listing, row->member ? row->member->id : NULL);
    }
    listing_end(&listing);
    out_flush(args->out);
}

static int complain(const struct rows *r)
{
    int status = admin_complain(r->groups, KURIER_OK);
    return status ? status : admin_complain(r->offsets, KURIER_OK);
}

static int run(struct args *args)
{
    struct admin admin;
    struct group_names names = {0};
    struct rows r = {0};
    int status = admin_open(&admin, args);
    if (!status)
        status = group_names_load(&names, &admin);
    if (!status)
        status = load(&r, &admin, &names);
    if (!status) {
        int ends = find_ends(&r, &admin);
        print(args, &r);
        status = complain(&r);
        status = status ? status : ends;
    }
    free(r.rows);
    kurier_result_free(r.groups);
    kurier_result_free(r.offsets);
    group_names_free(&names);
    admin_close(&admin);
    return status;
}

const struct command group_lag_command = {
    .name = "group lag",
    .operands = "[GROUP]...",
    .doc = "prints what groups have committed, and how far that is from the end",
    .flags = "topic json",
    .traits = TAKES_BROKERS,
    .run = run,
    .about = "Of all topics, or of those of -t. Nothing committed, or a topic that is gone, is - "
             "(-1 with -J). The end is where a read_committed consumer comes to only with "
             "-X isolation.level=read_committed.",
};
