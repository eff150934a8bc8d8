/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ISO8601_H
#define CLI_ISO8601_H
/* Times and durations as people write them, in milliseconds. False: it is none. */
#include <stdbool.h>
#include <stdint.h>

/* "2024-05-06", "2024-05-06T07:08", "2024-05-06T07:08:09.123+02:00"; without a zone it
 * is UTC's. Since 1970. */
bool iso8601_time(const char *text, int64_t *ms);
/* "PT5M", "P1DT12H", "P2W", "PT1.5S"; a day has 24 hours. Months and years have no
 * length, and are refused. */
bool iso8601_duration(const char *text, int64_t *ms);

#endif
