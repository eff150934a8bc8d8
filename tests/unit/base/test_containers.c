/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"

#include <stdio.h>

struct item {
    struct kb_list node;
    struct kb_map_entry entry;
    struct kb_heap_node timer;
    char name[16];
    bool there;
};

enum { ITEMS = 500 };

static struct item *new_items(void)
{
    struct item *items = KB_NEW_ARRAY(struct item, ITEMS);
    for (int i = 0; i < ITEMS; i++)
        snprintf(items[i].name, sizeof items[i].name, "topic-%d", i);
    return items;
}

static void a_list_keeps_order(void **state)
{
    (void)state;
    struct kb_list head;
    struct item a, b, c;
    kb_list_init(&head);
    assert_null(kb_list_pop_front(&head));
    assert_null(KB_LIST_FIRST(&head, struct item, node));
    kb_list_push_back(&head, &b.node);
    kb_list_push_back(&head, &c.node);
    kb_list_push_front(&head, &a.node);
    assert_ptr_equal(KB_LIST_FIRST(&head, struct item, node), &a);
    kb_list_remove(&b.node);
    kb_list_remove(&b.node);
    assert_ptr_equal(kb_list_pop_front(&head), &a.node);
    assert_ptr_equal(kb_list_pop_front(&head), &c.node);
    assert_true(kb_list_empty(&head));
}

static void a_list_can_lose_the_current_node(void **state)
{
    (void)state;
    struct kb_list head, nodes[5];
    int seen = 0;
    kb_list_init(&head);
    for (int i = 0; i < 5; i++)
        kb_list_push_back(&head, &nodes[i]);
    KB_LIST_EACH_SAFE(it, &head) {
        kb_list_remove(it);
        seen++;
    }
    assert_int_equal(seen, 5);
    assert_true(kb_list_empty(&head));
}

static void a_map_finds_what_was_put(void **state)
{
    (void)state;
    struct item *items = new_items();
    struct kb_map map;
    kb_map_init(&map, 42);
    assert_null(kb_map_get(&map, kb_slice_str("topic-0")));
    for (int i = 0; i < ITEMS; i++)
        assert_true(kb_map_put(&map, &items[i].entry, kb_slice_str(items[i].name)));
    assert_int_equal(map.count, ITEMS);
    for (int i = 0; i < ITEMS; i += 2)
        kb_map_remove(&map, &items[i].entry);
    for (int i = 0; i < ITEMS; i++) {
        struct kb_map_entry *found = kb_map_get(&map, kb_slice_str(items[i].name));
        assert_ptr_equal(KB_MAP_VALUE(found, struct item, entry), i % 2 ? &items[i] : NULL);
    }
    kb_map_deinit(&map);
    kb_free(items);
}

static void a_map_visits_each_value_once(void **state)
{
    (void)state;
    struct item *items = new_items();
    struct kb_map map;
    size_t seen = 0;
    kb_map_init(&map, 7);
    assert_null(kb_map_next(&map, NULL));
    for (int i = 0; i < ITEMS; i++)
        kb_map_put(&map, &items[i].entry, kb_slice_str(items[i].name));
    for (struct kb_map_entry *at = kb_map_next(&map, NULL); at; at = kb_map_next(&map, at)) {
        struct item *item = KB_MAP_VALUE(at, struct item, entry);
        assert_false(item->there);
        item->there = true;
        seen++;
    }
    assert_int_equal(seen, ITEMS);
    kb_map_deinit(&map);
    kb_free(items);
}

static void map_keys_are_bytes_of_any_length(void **state)
{
    (void)state;
    struct kb_map_entry entries[40];
    uint8_t bytes[40] = {0};
    struct kb_map map;
    kb_map_init(&map, 1);
    for (size_t size = 0; size < 40; size++)
        assert_true(kb_map_put(&map, &entries[size], kb_slice_of(bytes, size)));
    for (size_t size = 0; size < 40; size++)
        assert_ptr_equal(kb_map_get(&map, kb_slice_of(bytes, size)), &entries[size]);
    kb_map_deinit(&map);
}

static void a_heap_leaves_by_key_then_by_insertion(void **state)
{
    (void)state;
    struct item *items = new_items();
    struct kb_random random;
    struct kb_heap heap;
    kb_random_seed(&random, 3);
    kb_heap_init(&heap);
    assert_null(kb_heap_first(&heap));
    for (int i = 0; i < ITEMS; i++)
        assert_true(kb_heap_put(&heap, &items[i].timer, (int64_t)kb_random_below(&random, 20)));
    struct kb_heap_node *last = NULL;
    for (int i = 0; i < ITEMS; i++) {
        struct kb_heap_node *first = kb_heap_first(&heap);
        if (last)
            assert_true(last->key < first->key ||
                        (last->key == first->key && last->order < first->order));
        kb_heap_remove(&heap, first);
        last = first;
    }
    assert_null(kb_heap_first(&heap));
    kb_heap_deinit(&heap);
    kb_free(items);
}

static void a_heap_survives_random_changes(void **state)
{
    (void)state;
    struct item *items = new_items();
    struct kb_random random;
    struct kb_heap heap;
    kb_random_seed(&random, 11);
    kb_heap_init(&heap);
    for (int round = 0; round < 20000; round++) {
        struct item *item = &items[kb_random_below(&random, ITEMS)];
        int64_t key = (int64_t)kb_random_below(&random, 1000);
        if (!item->there)
            item->there = kb_heap_put(&heap, &item->timer, key);
        else if (kb_random_below(&random, 2))
            kb_heap_move(&heap, &item->timer, key);
        else {
            kb_heap_remove(&heap, &item->timer);
            item->there = false;
        }
        for (size_t i = 1; i < heap.count; i += 1 + heap.count / 8)
            assert_true(heap.nodes[(i - 1) / 2]->key <= heap.nodes[i]->key);
    }
    kb_heap_remove(&heap, &(struct kb_heap_node){0}); /* in no heap: nothing */
    kb_heap_deinit(&heap);
    kb_free(items);
}

static void fill(void *ctx)
{
    struct item *items = ctx;
    struct kb_map map;
    struct kb_heap heap;
    kb_map_init(&map, 1);
    kb_heap_init(&heap);
    for (int i = 0; i < ITEMS; i++) {
        items[i].timer.position = 0;
        if (kb_map_put(&map, &items[i].entry, kb_slice_str(items[i].name)))
            assert_non_null(kb_map_get(&map, kb_slice_str(items[i].name)));
        if (kb_heap_put(&heap, &items[i].timer, -i))
            assert_ptr_equal(kb_heap_first(&heap), &items[i].timer);
    }
    kb_map_deinit(&map);
    kb_heap_deinit(&heap);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    struct item *items = new_items();
    assert_true(unit_each_failure(fill, items) > 5);
    kb_free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_order),
        cmocka_unit_test(a_list_can_lose_the_current_node),
        cmocka_unit_test(a_map_finds_what_was_put),
        cmocka_unit_test(a_map_visits_each_value_once),
        cmocka_unit_test(map_keys_are_bytes_of_any_length),
        cmocka_unit_test(a_heap_leaves_by_key_then_by_insertion),
        cmocka_unit_test(a_heap_survives_random_changes),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("containers", tests, NULL, NULL);
}
