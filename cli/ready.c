/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for brokers, and for a topic to be known. */
#include "cli/cli.h"

int cli_ready(kurier_client *client, const struct args *args)
{
    kurier_error err;
    kurier_code code = kurier_client_ready(client, cli_timeout_ms(args), &err);
    if (code == KURIER_OK)
        return 0;
    if (code == KURIER_E_TRANSPORT || code == KURIER_E_TIMED_OUT)
        return cli_fail("%s\nkurier: no broker answered within %d ms; is it running? "
                        "-b HOST:PORT names another, -m waits longer",
                        err.text, cli_timeout_ms(args));
    return cli_error(&err);
}

enum { LONGEST_NAP_MS = 50 };

/* Asking for a topic makes it where brokers make topics by themselves. That takes
 * a moment; where they do not, nobody is helped by waiting as long as for a leader. */
int cli_topic(kurier_producer *producer, const struct args *args, kurier_topic **out)
{
    int64_t deadline = cli_now_ms() + cli_timeout_ms(args);
    kurier_error err;
    *out = kurier_producer_topic(producer, args->topic, &err);
    if (!*out)
        return cli_fail("%s", err.text);
    for (int nap_ms = 1; kurier_topic_partitions(*out) < 0; nap_ms *= 2) {
        if (!cli_nap(nap_ms < LONGEST_NAP_MS ? nap_ms : LONGEST_NAP_MS))
            return EXIT_INTERRUPTED;
        if (cli_now_ms() >= deadline)
            return cli_failed(args->topic, -1, KURIER_E_UNKNOWN_TOPIC_OR_PARTITION, NULL);
    }
    return 0;
}
