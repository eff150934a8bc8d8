/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/envelope.h"

static const char *time_type(const kurier_record *record)
{
    if (record->timestamp_ms < 0)
        return "unknown";
    return record->flags & KURIER_LOG_APPEND_TIME ? "logappend" : "create";
}

static void print_headers(const kurier_record *record, struct js *json)
{
    kurier_bytes name, value;
    size_t at = 0;
    if (!kurier_record_header(record, &at, &name, &value))
        return;
    js_open(json, "headers", '[');
    do {
        js_bytes(json, NULL, name);
        js_bytes(json, NULL, value);
    } while (kurier_record_header(record, &at, &name, &value));
    js_close(json, ']');
}

static void print_field(struct js *json, const char *name, const char *base64_name,
                        kurier_bytes bytes)
{
    js_bytes(json, name, bytes);
    if (bytes.data && !js_is_utf8(bytes))
        js_base64(json, base64_name, bytes);
}

void envelope_print(const struct args *args, const kurier_record *record, int32_t broker,
                    struct out *out)
{
    struct js json = js_to(out);
    js_open(&json, NULL, '{');
    js_text(&json, "topic", record->topic);
    js_number(&json, "partition", record->partition);
    js_number(&json, "offset", record->offset);
    js_text(&json, "tstype", time_type(record));
    js_number(&json, "ts", record->timestamp_ms);
    js_number(&json, "broker", broker);
    print_headers(record, &json);
    print_field(&json, "key", "key_base64", record->key);
    print_field(&json, "payload", "payload_base64", record->value);
    js_close(&json, '}');
    if (args->delimiter.data)
        out_bytes(out, args->delimiter.data, args->delimiter.size);
    else
        out_char(out, '\n');
}
