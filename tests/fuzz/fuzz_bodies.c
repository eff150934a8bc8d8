/* SPDX-License-Identifier: Apache-2.0 */
/* Any message of the schema: | which message | which version | body */
#include "tests/fuzz/fuzz.h"

#include "tests/fuzz/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct kw_message *message = &kw_messages[data[0] % kw_messages_count];
    int versions = message->max_version - message->min_version + 1;
    int16_t version = (int16_t)(message->min_version + data[1] % versions);
    fuzz_message(message, version, kb_slice_of(data + 2, size - 2));
    return 0;
}
