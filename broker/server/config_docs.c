/* SPDX-License-Identifier: Apache-2.0 */
/* doc/broker-configuration.md, as kurierd --config-docs prints it. */
#include "base/options_doc.h"
#include "broker/broker.h"
#include "broker/core/config.h"
#include "broker/core/group_config.h"
#include <string.h>

static const char intro[] =
    "# Configuring kurierd\n"
    "\n"
    "Keys have Kafka's names. They come from a file of Java properties (`kurierd FILE`), over "
    "that\n"
    "from the command line (`-o KEY=VALUE`, or `--override KEY=VALUE`), and over that from what "
    "was\n"
    "altered while the broker ran, with Kafka's own tools for example:\n"
    "\n"
    "    kafka-configs.sh --bootstrap-server 127.0.0.1:9092 --alter --entity-type topics \\\n"
    "        --entity-name orders --add-config retention.ms=3600000\n"
    "\n"
    "What is altered is in force, for the partitions that there are as well, before the answer\n"
    "leaves, and outlives a restart and a crash. A key that is unknown, a value out of range or "
    "one\n"
    "that cannot change is refused with words. `kurierd --config-docs` prints this page.\n"
    "\n"
    "## The broker\n"
    "\n"
    "Keys that change *while running* take a value for one broker, or for all of them\n"
    "(`--entity-default`); a broker's own counts first.\n"
    "\n";

static const char topics_intro[] = "\n"
                                   "## Topics\n"
                                   "\n"
                                   "All of them change while running. A topic that has no value of "
                                   "its own takes the broker's, whose\n"
                                   "key stands beside; that one changes while running, too.\n"
                                   "\n";

static const char groups_intro[] =
    "\n"
    "## Groups\n"
    "\n"
    "Groups of the consumer protocol (KIP-848), by `--entity-type groups`. All of them change\n"
    "while running, within what the broker's `group.consumer.min...` and `max...` allow.\n"
    "\n";

static const char ignored_intro[] =
    "\n"
    "## What Kafka knows and kurierd does not need\n"
    "\n"
    "These keys are taken with a warning and have no effect, so that a stock `server.properties`\n"
    "starts; so is any key that begins with `listener.name.`.\n"
    "\n";

static void put_change(FILE *out, const struct kb_option *row)
{
    kb_doc_text(out, row->flags & KB_OPT_DYNAMIC ? "while running" : "at start");
}

static void put_synonym(FILE *out, const struct kb_option *row)
{
    kb_doc_code(out, row->synonym);
}

/* Of the broker's, what gives a topic's default is told with the topic's key. */
static bool is_told_elsewhere(const struct kb_option *row)
{
    const struct kb_options *topics = kd_topic_config_table();
    for (size_t i = 0; i < topics->count; i++)
        if (row->scope == KD_SCOPE_BROKER && topics->rows[i].synonym &&
            !strcmp(topics->rows[i].synonym, row->key))
            return true;
    return false;
}

static void put_table(FILE *out, const struct kb_options *table, const struct kb_doc_column *column)
{
    kb_doc_head(out, column, 1);
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].type != KB_OPT_IGNORED && !is_told_elsewhere(&table->rows[i]))
            kb_doc_row(out, &table->rows[i], column, 1);
}

static void put_ignored(FILE *out, const struct kb_options *table, const char *whose)
{
    const char *between = whose;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].type != KB_OPT_IGNORED)
            continue;
        fputs(between, out);
        kb_doc_code(out, table->rows[i].key);
        between = ",\n";
    }
    fputs(".\n", out);
}

void kd_broker_print_docs(FILE *out)
{
    static const struct kb_doc_column change = {"Changes", put_change};
    static const struct kb_doc_column synonym = {"Default from", put_synonym};
    fputs(intro, out);
    put_table(out, kd_config_table(), &change);
    fputs(topics_intro, out);
    put_table(out, kd_topic_config_table(), &synonym);
    fputs(groups_intro, out);
    put_table(out, kd_group_config_table(), &synonym);
    fputs(ignored_intro, out);
    put_ignored(out, kd_topic_config_table(), "Of topics:\n");
    put_ignored(out, kd_group_config_table(), "\nOf groups:\n");
    put_ignored(out, kd_config_table(), "\nOf the broker:\n");
}
