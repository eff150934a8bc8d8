/* SPDX-License-Identifier: Apache-2.0 */
/* A frame as a broker gets it: request header, then whatever body that says. */
#include "tests/fuzz/fuzz.h"

#include "base/check.h"
#include "tests/fuzz/message.h"
#include "wire/frame.h"

static void check_header(const struct kw_request_header *header)
{
    struct kw_writer w;
    kw_writer_init(&w, KW_STRING_MAX + 64);
    kw_request_header_write(&w, header);
    KB_CHECK(kw_writer_ok(&w));
    kw_writer_deinit(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_request_header header;
    struct kw_reader r = kw_reader_of(kb_slice_of(data, size));
    if (!kw_request_header_read(&r, &header))
        return 0;
    check_header(&header);
    if (kw_api_has(kw_api_find(header.key), header.version))
        fuzz_message(kw_message_find(header.key, false), header.version,
                     kb_slice_of(r.next, kw_reader_left(&r)));
    return 0;
}
