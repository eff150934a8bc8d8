/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/wall.h"
#include "base/check.h"

static void begin(struct kd_wall *wall, struct kb_time now)
{
    *wall = (struct kd_wall){.begun = true, .slot_since_ms = now.mono_ms};
    for (unsigned i = 0; i < KD_WALL_SLOTS; i++)
        wall->least_ahead[i] = now.wall_ms - now.mono_ms;
}

/* One slot at a time, however long nobody asked: what was not seen has not held. */
static void turn(struct kd_wall *wall, int64_t ahead, int64_t mono_ms)
{
    wall->slot = (wall->slot + 1) % KD_WALL_SLOTS;
    wall->slot_since_ms = mono_ms;
    wall->least_ahead[wall->slot] = ahead;
}

int64_t kd_wall_believe(struct kd_wall *wall, struct kb_time now)
{
    int64_t ahead = now.wall_ms - now.mono_ms;
    if (!wall->begun)
        begin(wall, now);
    if (now.mono_ms - wall->slot_since_ms >= KD_WALL_SLOT_MS)
        turn(wall, ahead, now.mono_ms);
    wall->least_ahead[wall->slot] = KB_MIN(wall->least_ahead[wall->slot], ahead);
    for (unsigned i = 0; i < KD_WALL_SLOTS; i++)
        ahead = KB_MIN(ahead, wall->least_ahead[i]);
    return now.mono_ms + ahead;
}
