/* SPDX-License-Identifier: Apache-2.0 */
/* Prints doc/client-configuration.md from the tables of libclient/core. */
#include "base/options_doc.h"
#include "libclient/core/options.h"
#include "libclient/core/options_foreign.h"

#include <string.h>
#include <strings.h>

static const char intro[] = "<!-- Made from the option tables by `make doc-pages`; change "
                            "libclient/core/options_*.def. -->\n"
                            "# Configuration of clients\n"
                            "\n"
                            "Every key that `kurier_config_set`, `kurier_config_load` and `kurier "
                            "-X` take. Keys are those of\n"
                            "Kafka's Java clients, and librdkafka's names for them are known as "
                            "well. A key for another kind of\n"
                            "handle is taken and ignored, so that one configuration serves a "
                            "producer and a consumer; a key that\n"
                            "nobody here knows is an error, and so is a value out of its range.\n"
                            "\n"
                            "The columns *librdkafka* (2.16) and *Java* (4.3) give the default "
                            "there: **same**, another one, or\n"
                            "nothing where there is no such key.\n";

static const char foreign_intro[] =
    "\n"
    "## Keys of others that are not here\n"
    "\n"
    "Setting one is an error that says what this table says. A `*` stands for anything.\n"
    "\n"
    "| Key | Known to | Instead |\n"
    "|---|---|---|\n";

static bool is_same(const char *ours, const char *theirs)
{
    return !strcasecmp(ours ? ours : "", theirs);
}

static void put_peer(FILE *out, const struct kb_option *row, const char *theirs)
{
    if (!theirs)
        return;
    if (is_same(row->value, theirs))
        fputs("same", out);
    else if (*theirs)
        kb_doc_code(out, theirs);
    else
        fputs("unset", out);
}

static void put_librdkafka(FILE *out, const struct kb_option *row)
{
    put_peer(out, row, kc_option_peers(row->key)->librdkafka);
}

static void put_java(FILE *out, const struct kb_option *row)
{
    put_peer(out, row, kc_option_peers(row->key)->java);
}

static void put_why(FILE *out, const struct kb_option *row)
{
    kb_doc_text(out, kc_option_peers(row->key)->why);
}

static void put_table(FILE *out, const char *title, unsigned scope)
{
    static const struct kb_doc_column columns[] = {
        {"librdkafka", put_librdkafka}, {"Java", put_java}, {"Why another default", put_why}};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    fprintf(out, "\n## %s\n\n", title);
    kb_doc_head(out, columns, COLUMNS);
    for (size_t i = 0; i < kc_options_table.count; i++)
        if (kc_options_table.rows[i].scope == scope)
            kb_doc_row(out, &kc_options_table.rows[i], columns, COLUMNS);
}

static void put_foreign(FILE *out)
{
    fputs(foreign_intro, out);
    for (size_t i = 0; i < kc_foreign_options_count; i++) {
        const struct kc_foreign_option *row = &kc_foreign_options[i];
        fputs("| ", out);
        kb_doc_code(out, row->key);
        fprintf(out, " | %s | ", kc_whose_name(row->whose));
        kb_doc_text(out, row->instead);
        fputs(" |\n", out);
    }
}

int main(void)
{
    fputs(intro, stdout);
    put_table(stdout, "Every handle", KC_SCOPE_ALL);
    put_table(stdout, "Producers", KC_SCOPE_PRODUCER);
    put_table(stdout, "Consumers", KC_SCOPE_CONSUMER);
    put_foreign(stdout);
    return fflush(stdout) || ferror(stdout);
}
