/* SPDX-License-Identifier: Apache-2.0 */
/* Times and durations as people write them. */
#include "tests/unit/unit.h"

#include "cli/iso8601.h"

static void times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00.001", 1},
        {"2000-02-29T12:00", 951825600000},
        {"2023-11-14T22:13:20", 1700000000000},
        {"2023-11-14T22:13:20Z", 1700000000000},
        {"2023-11-14T22:13:20.123456Z", 1700000000123},
        {"2023-11-15T00:13:20.5+02:00", 1700000000500},
        {"2023-11-14T18:43:20-0330", 1700000000000},
        {"2023-11-15T00:13:20+02", 1700000000000},
        {"2100-03-01T00:00:00Z", 4107542400000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };
    static const char *const bad[] = {"",
                                      "2023",
                                      "2023-11",
                                      "2023-13-01",
                                      "2023-02-29",
                                      "2100-02-29",
                                      "2023-00-10",
                                      "2023-01-00",
                                      "2023-11-14T",
                                      "2023-11-14T22",
                                      "2023-11-14T24:00",
                                      "2023-11-14T22:60",
                                      "2023-11-14T22:13:60",
                                      "2023-11-14T22:13:20.",
                                      "2023-11-14T22:13:20+",
                                      "2023-11-14T22:13:20+2",
                                      "2023-11-14 22:13",
                                      "2023-11-14T22:13:20Zx",
                                      "1969-12-31T23:59:59",
                                      "1970-01-01T00:00:00+01:00",
                                      "yesterday"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = -1;
        if (!iso8601_time(good[i].text, &ms) || ms != good[i].ms)
            fail_msg("%s: %lld", good[i].text, (long long)ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms;
        if (iso8601_time(bad[i], &ms))
            fail_msg("%s: %lld", bad[i], (long long)ms);
    }
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"PT5M", 300000}, {"P1D", 86400000}, {"P1DT12H", 129600000},          {"P2W", 1209600000},
        {"PT1.5S", 1500}, {"PT0S", 0},       {"P1W1DT1H1M1.001S", 694861001}, {"PT90M", 5400000}};
    static const char *const bad[] = {"",
                                      "P",
                                      "PT",
                                      "5M",
                                      "P5",
                                      "P1M",
                                      "P1Y",
                                      "PT1D",
                                      "P1H",
                                      "PT1M1H",
                                      "PT1.5H",
                                      "PT.5S",
                                      "PT5Mx",
                                      "-P1D",
                                      "P1DT",
                                      "PT1S1S",
                                      "P99999999999999999999D"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = -1;
        if (!iso8601_duration(good[i].text, &ms) || ms != good[i].ms)
            fail_msg("%s: %lld", good[i].text, (long long)ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms;
        if (iso8601_duration(bad[i], &ms))
            fail_msg("%s: %lld", bad[i], (long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
