/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H
/*
 * The book of one group: which partitions its members were told are theirs, in
 * which generation, and what they committed. It knows no client and no broker;
 * what it finds wrong it counts, and the checkers (checker.h) tell.
 *
 *     life      of one member: from its start until it leaves, is told that it is
 *               out, or dies; dead ones hold nothing
 *     log       a partition of a topic: topic * HISTORY_PARTITIONS + partition
 *     commit    was accepted, refused, or nobody knows
 *     audit     what the broker says is committed, asked by nobody's member
 *
 * An epoch of KIP-848 is its member's own, a generation the whole group's.
 *
 * A member of a library hears of a loss in its next turn. Until then it may seem to
 * hold what another was told is its own by now, and that is right as long as nothing
 * of it is handed out: what two hold is *contested*, and settled by what happens next
 * to the first of them.
 */
#include "tests/sim/history.h"

enum ledger_told { LEDGER_NOTHING, LEDGER_ACCEPTED, LEDGER_REFUSED };

struct ledger_life {
    bool live;
    int32_t generation; /* -1: none yet */
    int era;            /* of that generation */
    int64_t since_ms;   /* when it was told of that */
    bool turns;         /* it is told in turns of its own */
    bool holds[HISTORY_LOGS];
    bool contested[HISTORY_LOGS]; /* and somebody else holds it, in the same generation */
};

struct ledger_commit {
    int life, log;
    int32_t generation;
    int64_t offset, sent_ms, told_ms; /* told_ms KB_NEVER: not told */
    enum ledger_told told;
};

struct ledger {
    struct ledger_life *lives;
    int life_count, life_capacity;
    struct ledger_commit *commits;
    int commit_count, commit_capacity;
    struct ledger_audit {
        int log;
        int64_t offset, told_ms;
    } * audits;
    int audit_count, audit_capacity;
    /* A group that was empty and forgotten begins again with generation 1. */
    int era;
    int32_t newest;    /* generation of this era */
    int64_t opened_ms; /* when it was heard of generation 1 last */
    long accepted, handed;
    /* What was wrong; revoked: batches handed out of what was taken away before. */
    long shared, stale, forgotten, revoked;
};

void ledger_deinit(struct ledger *ledger); /* {0} is a new one */

/* turns: it may hear late of what it holds no more. */
int ledger_enter(struct ledger *ledger, bool turns);
/* It was told of a generation, and of all that it holds in it. */
void ledger_hold(struct ledger *ledger, int life, int32_t generation, const bool *logs,
                 int64_t now_ms);
/* It looked, and all is as it was told last. */
void ledger_stay(struct ledger *ledger, int life);
/* It is handed records of that one. */
void ledger_hand(struct ledger *ledger, int life, int log);
void ledger_leave(struct ledger *ledger, int life);

/* A number for ledger_told; nobody's answer is the same as none. */
int ledger_commit(struct ledger *ledger, int life, int log, int64_t offset, int64_t now_ms);
void ledger_told(struct ledger *ledger, int commit, enum ledger_told told, int64_t now_ms);
/* The broker says what is committed; -1: nothing. */
void ledger_read(struct ledger *ledger, int log, int64_t offset, int64_t sent_ms);
/* The same of a group whose members only go on, and whose commits are not in the book: at
 * least what it said before, until echo_ms ago. A commit that was on its way for that long
 * may still come. */
void ledger_audit(struct ledger *ledger, int log, int64_t offset, int64_t sent_ms, int64_t now_ms,
                  int64_t echo_ms);

/* Every log that is wanted is held, by one that is alive. */
bool ledger_is_whole(const struct ledger *ledger, const bool *wanted);

#endif
