/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H
/* Every command there is; commands.c puts them in groups. */
#include "cli/cli.h"

extern const struct command produce_command, consume_command;
extern const struct command topic_create_command, topic_list_command, topic_describe_command,
    topic_alter_command, topic_delete_command, topic_add_partitions_command, topic_offsets_command,
    topic_producers_command, topic_delete_records_command;
extern const struct command config_list_command, config_get_command, config_set_command,
    config_unset_command;
extern const struct command cluster_info_command, cluster_brokers_command, cluster_log_dirs_command,
    cluster_elect_command, cluster_apis_command, cluster_features_command;
extern const struct command group_list_command, group_describe_command, group_lag_command,
    group_reset_command, group_delete_command;
extern const struct command log_dump_command, log_verify_command;
extern const struct command bench_produce_command, bench_consume_command;
extern const struct command meta_ls_command, meta_get_command;

/* kcat's other two modes, by their letters alone. */
extern const struct command kcat_list_command, kcat_query_command;

#endif
