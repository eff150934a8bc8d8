/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

typedef const struct command *const commands[];

static commands produce = {&produce_command, NULL};
static commands consume = {&consume_command, NULL};
static commands topic = {&topic_create_command,         &topic_list_command,
                         &topic_describe_command,       &topic_alter_command,
                         &topic_delete_command,         &topic_add_partitions_command,
                         &topic_offsets_command,        &topic_producers_command,
                         &topic_delete_records_command, NULL};
static commands config = {&config_list_command, &config_get_command, &config_set_command,
                          &config_unset_command, NULL};
static commands cluster = {&cluster_info_command,
                           &cluster_brokers_command,
                           &cluster_log_dirs_command,
                           &cluster_elect_command,
                           &cluster_apis_command,
                           &cluster_features_command,
                           NULL};
static commands groups = {&group_list_command,  &group_describe_command, &group_lag_command,
                          &group_reset_command, &group_delete_command,   NULL};
static commands logs = {&log_dump_command, &log_verify_command, NULL};
static commands bench = {&bench_produce_command, &bench_consume_command, NULL};
static commands meta = {&meta_ls_command, &meta_get_command, NULL};

const struct group cli_groups[] = {
    {"produce", "send records", NULL,
     "seq 1000 | kurier produce -t orders\n"
     "kurier produce -t users -K : -H origin=import <users.txt\n"
     "kurier produce -t pictures -z zstd *.png\n"
     "kurier consume -J -e -t old | kurier produce -J -t new",
     produce},
    {"consume", "print records", NULL,
     "kurier consume -t orders -o -10 -e\n"
     "kurier consume -t orders -f '%p %o %T %k %s\\n'\n"
     "kurier consume -t orders -J | jq .payload\n"
     "kurier consume -t counts -s 'key=s' -s 'value=>q' -K :",
     consume},
    {"topic", "create, show and change topics",
     "Names are given as operands, as many as there are. Of many, those that can be done are done; "
     "the others are named, and the exit status is 1.",
     "kurier topic create -p 6 -s retention.ms=86400000 orders\n"
     "kurier topic describe orders\n"
     "kurier topic offsets orders\n"
     "kurier topic delete-records -p 0 -o 1000 orders",
     topic},
    {"config", "show and change settings of topics and brokers",
     "A resource is topic NAME or broker ID; broker with the ID default is all brokers. Changes of "
     "one resource are made together or not at all.",
     "kurier config list topic orders\n"
     "kurier config set topic orders retention.ms=3600000\n"
     "kurier config get -J broker 1 log.retention.ms\n"
     "kurier config unset topic orders retention.ms",
     config},
    {"cluster", "show brokers and what they can do",
     "Every broker is asked, or with -i one of them.",
     "kurier cluster brokers\n"
     "kurier cluster log-dirs -J\n"
     "kurier cluster elect orders",
     cluster},
    {"group", "show groups of consumers, and change where they are",
     "Groups of the classic protocol and those of KIP-848 are the same here. Names are given as "
     "operands, as many as there are.",
     "kurier group list -s Stable\n"
     "kurier group describe billing\n"
     "kurier group lag -J billing | jq 'map(.lag) | add'\n"
     "kurier group reset --to-datetime 2024-05-06T07:00 -t orders billing\n"
     "kurier group reset --by-duration PT1H --all-topics --execute billing\n"
     "kurier group delete --offsets -t orders billing",
     groups},
    {"log", "look into the files of a log, without a broker",
     "Nothing is ever changed, and the files may be damaged in any way. They may be those of a "
     "running broker; what it writes meanwhile may then look unfinished.",
     "kurier log verify kurier-data\n"
     "kurier log dump -r kurier-data/orders-0\n"
     "kurier log dump -J kurier-data/orders-0/00000000000000000000.timeindex",
     logs},
    {"bench", "measure throughput and latency",
     "What is measured is client, broker and what lies between, as they are set up.",
     "kurier bench produce -t load -c 1000000 -S 100\n"
     "kurier bench consume -t load -c 1000000 -J",
     bench},
    {"meta", "show the metadata store of a kurierd's data directory",
     "The embedded store is read from its files, which are not changed; the broker may be running, "
     "stopped or dead.",
     "kurier meta ls kurier-data /brokers/topics\n"
     "kurier meta get kurier-data /brokers/topics/orders",
     meta},
    {NULL, NULL, NULL, NULL, NULL},
};
