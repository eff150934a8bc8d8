/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stranger.h"

#include "base/check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *bytes;
    size_t size;
    const char *what;
} known[] = {
    {"HTTP", 4, "is an HTTP server, not a Kafka broker"},
    {"<!DO", 4, "is an HTTP server, not a Kafka broker"},
    {"<htm", 4, "is an HTTP server, not a Kafka broker"},
    {"SSH-", 4, "is an SSH server, not a Kafka broker"},
    {"220", 3, "is a mail or FTP server, not a Kafka broker"},
    {"* OK", 4, "is an IMAP server, not a Kafka broker"},
    {"+OK", 3, "is a POP3 server, not a Kafka broker"},
    {"-ERR", 4, "is a Redis server, not a Kafka broker"},
    {"AMQP", 4, "is an AMQP broker, not a Kafka broker"},
    {"E\0\0\0", 4, "is a PostgreSQL server, not a Kafka broker"},
    {"\x15\x03", 2,
     "wants TLS, which is not spoken here: give the address of a plaintext listener"},
};

static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] < ' ' || bytes[i] > '~' || bytes[i] == '"')
            return false;
    return size > 0;
}

static void show(const uint8_t *head, size_t size, char *out, size_t out_size)
{
    size_t used = 0;
    if (is_text(head, size)) {
        snprintf(out, out_size, "\"%.*s\"", (int)size, (const char *)head);
        return;
    }
    out[0] = 0;
    for (size_t i = 0; i < size && used < out_size; i++)
        used += (size_t)snprintf(out + used, out_size - used, i ? " %02x" : "%02x", head[i]);
}

void kn_stranger_by_bytes(const char *name, const uint8_t *head, size_t size, char *out,
                          size_t out_size)
{
    char shown[32];
    for (size_t i = 0; i < KB_ARRAY_SIZE(known); i++)
        if (size >= known[i].size && !memcmp(head, known[i].bytes, known[i].size)) {
            snprintf(out, out_size, "%s %s", name, known[i].what);
            return;
        }
    show(head, KB_MIN(size, (size_t)4), shown, sizeof shown);
    snprintf(out, out_size, "%s does not speak the Kafka protocol: its answer begins with %s", name,
             shown);
}

void kn_stranger_by_silence(const char *name, uint16_t port, char *out, size_t out_size)
{
    static const uint16_t zookeeper = 2181;
    const char *hint = "it wants TLS, or is older than Kafka 0.10, or no Kafka broker";
    if (port == zookeeper)
        hint = "2181 is ZooKeeper's port; give the address of a Kafka broker";
    snprintf(out, out_size, "%s closed the connection when it was asked what it speaks: %s", name,
             hint);
}
