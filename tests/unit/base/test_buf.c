/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/check.h"

#include <pthread.h>

static void a_buffer_goes_with_its_last_reference(void **state)
{
    (void)state;
    struct kb_buf *buf = kb_buf_new(100);
    assert_int_equal(buf->size, 0);
    assert_int_equal(buf->capacity, 100);
    memset(buf->data, 7, 100);
    assert_ptr_equal(kb_buf_ref(buf), buf);
    kb_buf_unref(buf);
    buf->size = 3;
    assert_int_equal(kb_buf_view(buf).size, 3);
    kb_buf_unref(buf);
    kb_buf_unref(NULL);
}

static void an_impossible_size_is_no_memory(void **state)
{
    (void)state;
    assert_null(kb_buf_new(SIZE_MAX));
}

static void a_pool_gives_its_blocks_again(void **state)
{
    (void)state;
    struct kb_pool *pool = kb_pool_new(4096, 1);
    struct kb_buf *a = kb_pool_take(pool);
    struct kb_buf *b = kb_pool_take(pool);
    assert_ptr_not_equal(a, b);
    assert_int_equal(a->capacity, 4096);
    a->size = 10;
    kb_buf_unref(a); /* kept */
    kb_buf_unref(b); /* one idle block is enough: to the heap */
    struct kb_buf *again = kb_pool_take(pool);
    assert_ptr_equal(again, a);
    assert_int_equal(again->size, 0);
    kb_buf_unref(again);
    kb_pool_unref(pool);
}

static void blocks_outlive_the_pools_owner(void **state)
{
    (void)state;
    struct kb_pool *pool = kb_pool_new(64, 8);
    struct kb_buf *a = kb_pool_take(pool);
    struct kb_buf *b = kb_pool_take(pool);
    kb_pool_unref(pool);
    memset(a->data, 1, 64);
    kb_buf_unref(a);
    kb_buf_unref(b);
    kb_pool_unref(NULL);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *take_and_give(void *ctx)
{
    struct kb_pool *pool = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        struct kb_buf *buf = kb_pool_take(pool);
        buf->data[0] = (uint8_t)i;
        kb_buf_ref(buf);
        kb_buf_unref(buf);
        kb_buf_unref(buf);
    }
    return NULL;
}

static void threads_share_a_pool(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct kb_pool *pool = kb_pool_new(64, 2);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, take_and_give, pool);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    kb_pool_unref(pool);
}

static void use_pool(void *ctx)
{
    (void)ctx;
    struct kb_pool *pool = kb_pool_new(64, 2);
    if (!pool)
        return;
    struct kb_buf *a = kb_pool_take(pool);
    struct kb_buf *b = kb_pool_take(pool);
    kb_buf_unref(a);
    kb_pool_unref(pool);
    kb_buf_unref(b);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(unit_each_failure(use_pool, NULL), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_goes_with_its_last_reference),
        cmocka_unit_test(an_impossible_size_is_no_memory),
        cmocka_unit_test(a_pool_gives_its_blocks_again),
        cmocka_unit_test(blocks_outlive_the_pools_owner),
        cmocka_unit_test(threads_share_a_pool),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
