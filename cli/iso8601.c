/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/iso8601.h"
#include <ctype.h>
#include <string.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS };
static const int64_t day_ms = 24 * (int64_t)HOUR_MS;

/* So many digits, at *at. */
static bool digits(const char **at, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++, ++*at) {
        if (!isdigit((unsigned char)**at))
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool letter(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* ".123", to the millisecond; nothing is 0. */
static bool fraction(const char **at, int64_t *ms)
{
    int64_t unit = 100;
    *ms = 0;
    if (!letter(at, '.'))
        return true;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); ++*at, unit /= 10)
        *ms += (**at - '0') * unit;
    return true;
}

/* ---- Times -----------------------------------------------------------------------------*/

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Since 1970. */
static int64_t days_before(int year, int month, int day)
{
    int64_t days = day - 1;
    for (int y = 1970; y < year; y++)
        days += 365 + is_leap(y);
    for (int m = 1; m < month; m++)
        days += days_in(year, m);
    return days;
}

static bool date(const char **at, int64_t *ms)
{
    int year, month, day;
    if (!digits(at, 4, &year) || !letter(at, '-') || !digits(at, 2, &month) || !letter(at, '-') ||
        !digits(at, 2, &day))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return false;
    *ms = days_before(year, month, day) * day_ms;
    return true;
}

/* Seconds may be left out. */
static bool clock(const char **at, int64_t *ms)
{
    int hour, minute, second = 0;
    int64_t rest = 0;
    if (!digits(at, 2, &hour) || !letter(at, ':') || !digits(at, 2, &minute))
        return false;
    if (letter(at, ':') && (!digits(at, 2, &second) || !fraction(at, &rest)))
        return false;
    *ms += hour * (int64_t)HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + rest;
    return hour < 24 && minute < 60 && second < 60;
}

/* "Z", "+02:00", "-0330", "+01"; nothing is UTC. */
static bool zone(const char **at, int64_t *ms)
{
    int hours, minutes = 0, sign = **at == '-' ? 1 : -1;
    if (!**at || letter(at, 'Z'))
        return true;
    if (!letter(at, '+') && !letter(at, '-'))
        return false;
    if (!digits(at, 2, &hours))
        return false;
    letter(at, ':');
    if (**at && !digits(at, 2, &minutes))
        return false;
    *ms += sign * (hours * (int64_t)HOUR_MS + minutes * MINUTE_MS);
    return hours < 24 && minutes < 60;
}

bool iso8601_time(const char *text, int64_t *ms)
{
    const char *at = text;
    if (!date(&at, ms))
        return false;
    if (letter(&at, 'T') && (!clock(&at, ms) || !zone(&at, ms)))
        return false;
    return !*at && *ms >= 0;
}

/* ---- Durations ---------------------------------------------------------------------------*/

static const struct unit {
    char letter;
    bool of_day; /* behind the T */
    int64_t ms;
} units[] = {
    {'W', false, 7 * 24 * (int64_t)HOUR_MS},
    {'D', false, 24 * (int64_t)HOUR_MS},
    {'H', true, HOUR_MS},
    {'M', true, MINUTE_MS},
    {'S', true, SECOND_MS},
};
enum { UNITS = sizeof units / sizeof *units };

/* One "12H", of a unit from *next on. Only seconds have fractions. */
static bool part(const char **at, size_t *next, bool of_day, int64_t *ms)
{
    int64_t number = 0, rest;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); ++*at) {
        number = number * 10 + (**at - '0');
        if (number > INT64_MAX / 1000000 / day_ms)
            return false;
    }
    bool broken = **at == '.';
    if (!fraction(at, &rest))
        return false;
    while (*next < UNITS && units[*next].letter != **at)
        ++*next;
    if (*next == UNITS || units[*next].of_day != of_day || (broken && **at != 'S'))
        return false;
    *ms += number * units[(*next)++].ms + rest;
    ++*at;
    return true;
}

bool iso8601_duration(const char *text, int64_t *ms)
{
    const char *at = text;
    size_t next = 0;
    bool of_day = false;
    *ms = 0;
    if (!letter(&at, 'P') || !*at)
        return false;
    while (*at) {
        if (!of_day && letter(&at, 'T'))
            of_day = true;
        if (!part(&at, &next, of_day, ms))
            return false;
    }
    return true;
}
