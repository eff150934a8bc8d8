/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/arena.h"

static void blocks_are_zeroed_and_aligned(void **state)
{
    (void)state;
    struct kb_arena arena;
    kb_arena_init(&arena, 1 << 20);
    for (size_t size = 0; size < 300; size++) {
        uint8_t *block = kb_arena_alloc(&arena, size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xff, size);
    }
    kb_arena_deinit(&arena);
}

static void the_budget_is_a_limit_and_sticks(void **state)
{
    (void)state;
    struct kb_arena arena;
    kb_arena_init(&arena, 4096);
    assert_non_null(kb_arena_alloc(&arena, 2000));
    assert_null(kb_arena_alloc(&arena, 3000));
    assert_true(arena.failed);
    assert_null(kb_arena_alloc(&arena, 1));
    kb_arena_reset(&arena);
    assert_false(arena.failed);
    assert_non_null(kb_arena_alloc(&arena, 2000));
    kb_arena_deinit(&arena);
}

static void a_budget_can_be_used_up(void **state)
{
    (void)state;
    struct kb_arena arena;
    kb_arena_init(&arena, 64 * 1024);
    size_t got = 0;
    while (kb_arena_alloc(&arena, 64))
        got += 64;
    assert_int_equal(got, 64 * 1024);
    kb_arena_deinit(&arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct kb_arena arena;
    kb_arena_init(&arena, SIZE_MAX);
    assert_null(kb_arena_array(&arena, SIZE_MAX / 2, 4));
    kb_arena_reset(&arena);
    assert_null(kb_arena_alloc(&arena, SIZE_MAX - 3));
    kb_arena_deinit(&arena);
}

static void strings_get_a_zero_byte(void **state)
{
    (void)state;
    struct kb_arena arena;
    kb_arena_init(&arena, 1024);
    assert_string_equal(kb_arena_strdup(&arena, kb_slice_of("topic-17", 5)), "topic");
    assert_string_equal(kb_arena_strdup(&arena, kb_slice_null()), "");
    kb_arena_deinit(&arena);
}

static int count_allocations(void *ctx, size_t size)
{
    (void)size;
    ++*(int *)ctx;
    return 1;
}

static void a_loop_that_resets_does_not_allocate(void **state)
{
    (void)state;
    struct kb_arena arena;
    int allocations = 0;
    kb_arena_init(&arena, 1 << 20);
    kb_arena_alloc(&arena, 5000);
    kb_mem_set_hook(count_allocations, &allocations);
    for (int i = 0; i < 100; i++) {
        kb_arena_reset(&arena);
        assert_non_null(kb_arena_alloc(&arena, 5000));
    }
    kb_mem_set_hook(NULL, NULL);
    assert_int_equal(allocations, 0);
    kb_arena_deinit(&arena);
}

static void fill(void *ctx)
{
    (void)ctx;
    struct kb_arena arena;
    kb_arena_init(&arena, 1 << 20);
    for (int i = 0; i < 100; i++)
        if (!kb_arena_alloc(&arena, 1000))
            assert_true(arena.failed);
    kb_arena_deinit(&arena);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    assert_true(unit_each_failure(fill, NULL) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_and_aligned),
        cmocka_unit_test(the_budget_is_a_limit_and_sticks),
        cmocka_unit_test(a_budget_can_be_used_up),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(strings_get_a_zero_byte),
        cmocka_unit_test(a_loop_that_resets_does_not_allocate),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
