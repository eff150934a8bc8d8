/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"

int admin_open(struct admin *admin, const struct args *args)
{
    kurier_error err;
    *admin = (struct admin){.args = args};
    admin->client = kurier_client_new(NULL, args->config, &err);
    if (!admin->client)
        return cli_fail("%s", err.text);
    cli_wake_on_signal(admin->client);
    return cli_ready(admin->client, args);
}

void admin_close(struct admin *admin)
{
    cli_wake_on_signal(NULL);
    kurier_client_free(admin->client);
}

kurier_result *admin_ask(struct admin *admin, kurier_request *request, int *status)
{
    kurier_error err;
    kurier_result *result =
        kurier_admin_run(admin->client, request, cli_timeout_ms(admin->args), &err);
    *status = result ? 0 : cli_error(&err);
    return result;
}

int admin_complain(const kurier_result *result, kurier_code fine)
{
    int status = 0;
    for (size_t i = 0; i < kurier_result_count(result); i++) {
        const kurier_item *item = kurier_result_item(result, i);
        if (item->code != KURIER_OK && item->code != fine)
            status = cli_failed(item->name, item->partition, item->code, item->text);
    }
    return status;
}

int admin_run(const struct args *args, kurier_request *request, admin_print_fn *print,
              kurier_code fine)
{
    struct admin admin;
    int status = admin_open(&admin, args);
    if (status) {
        kurier_request_free(request);
        admin_close(&admin);
        return status;
    }
    kurier_result *result = admin_ask(&admin, request, &status);
    if (result) {
        if (print)
            print(args, result);
        out_flush(args->out); /* before what failed */
        status = admin_complain(result, fine);
    }
    kurier_result_free(result);
    admin_close(&admin);
    return status;
}
