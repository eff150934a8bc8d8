/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ledger.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/time.h"

void ledger_deinit(struct ledger *ledger)
{
    kb_free(ledger->lives);
    kb_free(ledger->commits);
    kb_free(ledger->audits);
}

/* One more place at the end. */
static void *grow(void *items, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = KB_MAX(2 * *capacity, 64);
    items = kb_realloc(items, (size_t)*capacity * size);
    KB_CHECK(items);
    return items;
}

/* ---- Who holds what ----------------------------------------------------- */

int ledger_enter(struct ledger *l, bool turns)
{
    l->lives = grow(l->lives, l->life_count, &l->life_capacity, sizeof *l->lives);
    l->lives[l->life_count] = (struct ledger_life){.live = true, .turns = turns, .generation = -1};
    return l->life_count++;
}

static bool meets(const struct ledger_life *a, const struct ledger_life *b, int log)
{
    return a != b && a->live && a->era == b->era && a->generation == b->generation && a->holds[log];
}

/* The members of one generation hear of it at about the same time. */
static void follow_era(struct ledger *l, int32_t generation, int64_t now_ms)
{
    enum { TOGETHER_MS = 500 };
    bool again = l->newest > 1 || (l->newest == 1 && now_ms > l->opened_ms + TOGETHER_MS);
    if (generation == 1) {
        l->era += again;
        l->newest = 1;
        l->opened_ms = now_ms;
    }
    l->newest = KB_MAX(l->newest, generation);
}

/* The other may not know yet that it holds it no more. */
static void contest(struct ledger *l, struct ledger_life *other, int log)
{
    if (other->turns)
        other->contested[log] = true;
    else
        l->shared++;
}

static void settle(struct ledger *l, struct ledger_life *self, int log, bool holds)
{
    l->shared += self->contested[log] && holds;
    self->contested[log] = false;
}

void ledger_hold(struct ledger *l, int life, int32_t generation, const bool *logs, int64_t now_ms)
{
    struct ledger_life *self = &l->lives[life];
    bool goes_on = self->generation == generation;
    if (!goes_on) {
        follow_era(l, generation, now_ms);
        self->era = l->era;
    }
    self->generation = generation;
    self->since_ms = now_ms;
    l->handed++;
    memcpy(self->holds, logs, sizeof self->holds);
    for (int log = 0; log < HISTORY_LOGS; log++) {
        settle(l, self, log, goes_on && logs[log]);
        for (int i = 0; logs[log] && i < l->life_count; i++)
            if (meets(&l->lives[i], self, log))
                contest(l, &l->lives[i], log);
    }
}

void ledger_stay(struct ledger *l, int life)
{
    for (int log = 0; log < HISTORY_LOGS; log++)
        settle(l, &l->lives[life], log, true);
}

void ledger_hand(struct ledger *l, int life, int log)
{
    l->shared += l->lives[life].contested[log];
}

void ledger_leave(struct ledger *l, int life)
{
    l->lives[life].live = false;
}

bool ledger_is_whole(const struct ledger *l, const bool *wanted)
{
    for (int log = 0; log < HISTORY_LOGS; log++) {
        int holders = 0;
        for (int i = 0; i < l->life_count; i++)
            holders += l->lives[i].live && l->lives[i].holds[log];
        if (holders != wanted[log])
            return false;
    }
    return true;
}

/* ---- What is committed -------------------------------------------------- */

int ledger_commit(struct ledger *l, int life, int log, int64_t offset, int64_t now_ms)
{
    l->commits = grow(l->commits, l->commit_count, &l->commit_capacity, sizeof *l->commits);
    l->commits[l->commit_count] = (struct ledger_commit){.life = life,
                                                         .log = log,
                                                         .generation = l->lives[life].generation,
                                                         .offset = offset,
                                                         .sent_ms = now_ms,
                                                         .told_ms = KB_NEVER};
    return l->commit_count++;
}

/* Somebody in the group was told of a newer generation before this was sent. */
static bool is_stale(const struct ledger *l, const struct ledger_commit *commit)
{
    for (int i = 0; i < l->life_count; i++)
        if (l->lives[i].era == l->lives[commit->life].era &&
            l->lives[i].generation > commit->generation && l->lives[i].since_ms < commit->sent_ms)
            return true;
    return false;
}

void ledger_told(struct ledger *l, int number, enum ledger_told told, int64_t now_ms)
{
    struct ledger_commit *commit = &l->commits[number];
    commit->told = told;
    commit->told_ms = now_ms;
    l->accepted += told == LEDGER_ACCEPTED;
    l->stale += told == LEDGER_ACCEPTED && is_stale(l, commit);
}

/* Surely in force after the other: that one was told of before this was sent, or
 * is of a generation that was over. */
static bool overrules(const struct ledger_commit *later, const struct ledger_commit *commit)
{
    return later->told == LEDGER_ACCEPTED &&
           (later->sent_ms > commit->told_ms || later->generation > commit->generation);
}

static bool is_overruled(const struct ledger *l, const struct ledger_commit *commit,
                         int64_t sent_ms)
{
    for (int i = 0; i < l->commit_count; i++) {
        const struct ledger_commit *later = &l->commits[i];
        if (later->log == commit->log && later->told_ms < sent_ms && overrules(later, commit))
            return true;
    }
    return false;
}

void ledger_read(struct ledger *l, int log, int64_t offset, int64_t sent_ms)
{
    struct ledger_commit none = {.log = log, .generation = -2, .offset = -1, .told_ms = -1};
    bool right = offset < 0 && !is_overruled(l, &none, sent_ms);
    for (int i = 0; !right && i < l->commit_count; i++) {
        const struct ledger_commit *commit = &l->commits[i];
        right = commit->log == log && commit->offset == offset && commit->told != LEDGER_REFUSED &&
                !is_overruled(l, commit, sent_ms);
    }
    l->forgotten += !right;
}

void ledger_audit(struct ledger *l, int log, int64_t offset, int64_t sent_ms, int64_t now_ms,
                  int64_t echo_ms)
{
    bool right = true;
    for (int i = 0; right && i < l->audit_count; i++) {
        const struct ledger_audit *before = &l->audits[i];
        right =
            before->log != log || before->told_ms + echo_ms >= sent_ms || before->offset <= offset;
    }
    l->forgotten += !right;
    l->audits = grow(l->audits, l->audit_count, &l->audit_capacity, sizeof *l->audits);
    l->audits[l->audit_count++] =
        (struct ledger_audit){.log = log, .offset = offset, .told_ms = now_ms};
}
