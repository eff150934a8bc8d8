/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/turns.h"
#include "base/check.h"
#include <stddef.h>

void kd_turns_enter(struct kd_turns *turns, struct kd_turn *turn)
{
    struct kd_turn *before = turns->last;
    *turn = (struct kd_turn){.before = before, .turns = turns};
    turns->last = turn;
    if (before) {
        before->after = turn;
        before->turns = NULL;
    }
}

void kd_turns_abandon(struct kd_turns *turns)
{
    if (turns->last)
        turns->last->turns = NULL;
    turns->last = NULL;
}

bool kd_turn_ready(struct kd_turn *turn)
{
    turn->ready = true;
    return !turn->before;
}

struct kd_turn *kd_turn_leave(struct kd_turn *turn)
{
    struct kd_turn *next = turn->after;
    KB_CHECK(turn->ready && !turn->before);
    if (turn->turns)
        turn->turns->last = NULL;
    if (!next)
        return NULL;
    next->before = NULL;
    return next->ready ? next : NULL;
}
