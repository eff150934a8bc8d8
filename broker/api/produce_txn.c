/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api/produce_txn.h"
#include "base/codes.h"
#include "base/check.h"
#include <stddef.h>

/* Of each the last version that hears `told` instead. */
static const struct {
    int code, told;
    int16_t last_version;
} rows[] = {
    {KB_E_PRODUCER_FENCED, KB_E_INVALID_PRODUCER_EPOCH, INT16_MAX},
    {KB_E_TRANSACTION_ABORTABLE, KB_E_INVALID_TXN_STATE, 10},
    {KB_E_CONCURRENT_TRANSACTIONS, KB_E_NOT_ENOUGH_REPLICAS, 11},
    {KB_E_COORDINATOR_LOAD_IN_PROGRESS, KB_E_NOT_ENOUGH_REPLICAS, INT16_MAX},
    {KB_E_COORDINATOR_NOT_AVAILABLE, KB_E_NOT_ENOUGH_REPLICAS, INT16_MAX},
    {KB_E_NOT_COORDINATOR, KB_E_NOT_ENOUGH_REPLICAS, INT16_MAX},
    {KB_E_NO_MEMORY, KB_E_NOT_ENOUGH_REPLICAS, INT16_MAX},
};

int kd_produce_txn_code(int code, int16_t version)
{
    for (size_t i = 0; i < KB_ARRAY_SIZE(rows); i++)
        if (rows[i].code == code && version <= rows[i].last_version)
            return rows[i].told;
    return code;
}
