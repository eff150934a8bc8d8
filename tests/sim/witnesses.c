/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/witnesses.h"

#include "base/check.h"

/* The book of transactions lies beside that of records. */
static int log_of(int topic, int32_t partition)
{
    return topic * HISTORY_PARTITIONS + partition;
}

static void serve_committed(struct history *h, int topic, int32_t partition, int64_t offset,
                            struct kb_slice value)
{
    struct run *run = KB_CONTAINER(h, struct run, history);
    deeds_serve(&run->deeds, log_of(topic, partition), offset,
                history_id(h, topic, partition, value));
}

static void find_committed(struct history *h, int topic, int32_t partition, int64_t offset,
                           struct kb_slice value)
{
    struct run *run = KB_CONTAINER(h, struct run, history);
    deeds_find(&run->deeds, log_of(topic, partition), offset,
               history_id(h, topic, partition, value));
}

void witnesses_open(struct witnesses *both, struct run *run, struct process *process,
                    const char *topic, bool along)
{
    raw_reader_open(&both->all, run, process, topic, along ? history_serve : history_find);
    raw_reader_open(&both->committed, run, process, topic,
                    along ? serve_committed : find_committed);
    both->committed.committed = true;
}

bool witnesses_are_at_end(const struct witnesses *both)
{
    return raw_reader_is_at_end(&both->all) && raw_reader_is_stable(&both->committed);
}

void witnesses_look_again(struct witnesses *both)
{
    raw_reader_look_again(&both->all);
    raw_reader_look_again(&both->committed);
}

void witnesses_close(struct witnesses *both)
{
    raw_reader_close(&both->all);
    raw_reader_close(&both->committed);
}
