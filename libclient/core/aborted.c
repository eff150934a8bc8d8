/* SPDX-License-Identifier: Apache-2.0 */
#include "libclient/core/aborted.h"
#include "base/mem.h"
#include "wire/gen/fetch.h"
#include "wire/record.h"
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct kc_aborted_row *x = a, *y = b;
    int order = (x->producer > y->producer) - (x->producer < y->producer);
    return order ? order : (x->first > y->first) - (x->first < y->first);
}

bool kc_aborted_init(struct kc_aborted *aborted,
                     const struct kw_fetch_response_aborted_transaction *told, int32_t count)
{
    *aborted = (struct kc_aborted){0};
    if (count <= 0)
        return true;
    aborted->rows = kb_malloc((size_t)count * sizeof *aborted->rows);
    if (!aborted->rows)
        return false;
    for (int32_t i = 0; i < count; i++)
        aborted->rows[i] = (struct kc_aborted_row){told[i].producer_id, told[i].first_offset, 0};
    aborted->count = (size_t)count;
    qsort(aborted->rows, aborted->count, sizeof *aborted->rows, compare);
    return true;
}

void kc_aborted_deinit(struct kc_aborted *aborted)
{
    kb_free(aborted->rows);
    *aborted = (struct kc_aborted){0};
}

/* The last of that producer's that begins at or before `offset`. NULL: none. */
static struct kc_aborted_row *find(const struct kc_aborted *aborted, int64_t producer,
                                   int64_t offset)
{
    struct kc_aborted_row sought = {.producer = producer, .first = offset};
    size_t low = 0, high = aborted->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&aborted->rows[middle], &sought) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low && aborted->rows[low - 1].producer == producer ? &aborted->rows[low - 1] : NULL;
}

bool kc_aborted_hides(const struct kc_aborted *aborted, const struct kw_batch_header *header)
{
    if (!aborted->count || !(header->attributes & KW_BATCH_TRANSACTIONAL))
        return false;
    const struct kc_aborted_row *row =
        find(aborted, header->producer_id, kw_batch_header_last_offset(header));
    return row && !row->over;
}

static bool is_abort(const struct kw_batch *control)
{
    struct kw_record_iter it;
    struct kw_record record;
    struct kw_control marker;
    if (control->header.attributes & KW_BATCH_CODEC_MASK)
        return false;
    kw_record_iter_init(&it, &control->header, control->records);
    return kw_record_iter_next(&it, &record) && kw_control_parse(&record, &marker) &&
           marker.type == KW_CONTROL_ABORT;
}

void kc_aborted_pass(struct kc_aborted *aborted, const struct kw_batch *control)
{
    if (!aborted->count || !is_abort(control))
        return;
    struct kc_aborted_row *row =
        find(aborted, control->header.producer_id, kw_batch_header_last_offset(&control->header));
    if (row)
        row->over = true;
}
