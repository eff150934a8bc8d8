/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_RAW_READER_H
#define SIM_RAW_READER_H
/*
 * Fetch as a consumer of a few lines speaks it: reads all partitions of one topic
 * from the start, forever; everything, or what is committed.
 */
#include "tests/sim/raw.h"
#include "tests/sim/run.h"

enum { RAW_READER_DROPS = 32 };

/* What is left open is ended by its coordinator, and a reader hears of it even if its
 * connection has to be made anew. */
enum { RAW_READER_HELD_MS = RUN_TXN_MS + 7000 };

typedef void raw_reader_see(struct history *h, int topic, int32_t partition, int64_t offset,
                            struct kb_slice value);

struct raw_reader {
    struct run *run;
    struct raw_link link;
    const char *name; /* of the topic */
    raw_reader_see *see;
    struct kw_codec_ctx *codecs;
    bool committed; /* and of transactions nothing else; before it is connected */
    int topic;
    struct raw_place {
        int64_t next, stable, end; /* offsets: to be read; last stable, high watermark; -1 */
        bool at_end;
        long reloads;           /* of coordinators, until then */
        int64_t moved_quiet_ms; /* when stable was another or the end, by nemesis_quiet_ms */
    } places[WORLD_PARTITIONS];
};

void raw_reader_open(struct raw_reader *reader, struct run *run, struct process *process,
                     const char *topic, raw_reader_see *see);
/* All that may be read was, as of the last answer. */
bool raw_reader_is_at_end(const struct raw_reader *reader);
/* The same, and no transaction holds back anything. */
bool raw_reader_is_stable(const struct raw_reader *reader);
/* The last answer may be of long ago, if its connection died since: what it asks from now
 * on counts. */
void raw_reader_look_again(struct raw_reader *reader);
void raw_reader_close(struct raw_reader *reader);

#endif
