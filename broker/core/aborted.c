/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/core/aborted.h"
#include "base/mem.h"

void kd_aborted_list_deinit(struct kd_aborted_list *list)
{
    kb_free(list->items);
    *list = (struct kd_aborted_list){0};
}
