/* SPDX-License-Identifier: Apache-2.0 */
#include "kurier/base.h"
#include <config.h>
#include "libclient/api/error.h"
#include "kurier/admin.h"
#include "kurier/client.h"
#include "kurier/consumer.h"
#include "kurier/producer.h"
#include <string.h>

/* The stride of what callers pass in arrays is part of the ABI. */
#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(kurier_bytes) == 16, "ABI");
_Static_assert(sizeof(kurier_header) == 24, "ABI");
_Static_assert(sizeof(kurier_record) == 104, "ABI");
_Static_assert(sizeof(kurier_position) == 40, "ABI");
_Static_assert(sizeof(kurier_report) == 56, "ABI");
_Static_assert(sizeof(kurier_new_topic) == 24, "ABI");
_Static_assert(sizeof(kurier_error) == 256, "ABI");
#endif

const char *kurier_version(void)
{
    return PACKAGE_VERSION;
}

kurier_bytes kurier_str(const char *text)
{
    return kurier_bytes_of(text, text ? strlen(text) : 0);
}

const char *kurier_code_name(kurier_code code)
{
    return kb_code_name(code);
}
