/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/drive/verdict.h"
#include "base/check.h"
#include "base/codes.h"
#include <stddef.h>

struct row {
    int32_t code;
    enum kc_verdict verdict;
};

static const struct row of_both[] = {
    {KB_E_COORDINATOR_LOAD_IN_PROGRESS, KC_VERDICT_AGAIN},
    {KB_E_UNSTABLE_OFFSET_COMMIT, KC_VERDICT_AGAIN},
    {KB_E_REQUEST_TIMED_OUT, KC_VERDICT_AGAIN},
    {KB_E_NOT_COORDINATOR, KC_VERDICT_ELSEWHERE},
    {KB_E_COORDINATOR_NOT_AVAILABLE, KC_VERDICT_ELSEWHERE},
    {KB_E_UNKNOWN_TOPIC_ID, KC_VERDICT_BY_ITS_NAME},
};
static const struct row of_commits[] = {
    {KB_E_UNKNOWN_TOPIC_OR_PARTITION, KC_VERDICT_AGAIN},
    {KB_E_REBALANCE_IN_PROGRESS, KC_VERDICT_WHEN_SETTLED},
    {KB_E_STALE_MEMBER_EPOCH, KC_VERDICT_WHEN_SETTLED},
    {KB_E_ILLEGAL_GENERATION, KC_VERDICT_WHEN_SETTLED},
};

static enum kc_verdict find(const struct row *rows, size_t count, int32_t code)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].code == code)
            return rows[i].verdict;
    return KC_VERDICT_SETTLED;
}

enum kc_verdict kc_verdict_of_lookup(int32_t code)
{
    return find(of_both, KB_ARRAY_SIZE(of_both), code);
}

enum kc_verdict kc_verdict_of_commit(int32_t code)
{
    enum kc_verdict verdict = kc_verdict_of_lookup(code);
    return verdict ? verdict : find(of_commits, KB_ARRAY_SIZE(of_commits), code);
}
