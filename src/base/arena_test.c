#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_allocations_are_aligned_and_kept_apart(void **state)
{
    Arena arena;
    char *before = NULL;
    size_t before_len = 0;
    arena_init(&arena, NULL);
    for (size_t i = 1; i < 3000; i += 7) {
        char *p = arena_alloc(&arena, i);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, (int)(i & 0xFF), i);
        for (size_t j = 0; j < before_len; j++)
            assert_int_equal((unsigned char)before[j], (i - 7) & 0xFF);
        before = p;
        before_len = i;
        assert_int_equal((uintptr_t)arena_alloc_aligned(&arena, i) % 64, 0);
    }
    arena_done(&arena);
}

static void test_budget_refuses_and_gets_everything_back(void **state)
{
    MemBudget root;
    MemBudget query;
    Arena arena;
    Error err;
    void *p;
    mem_budget_init(&root, NULL, "all memory", 1 << 20);
    mem_budget_init(&query, &root, "query memory", 100 << 10);
    arena_init(&arena, &query);
    assert_non_null(arena_alloc(&arena, 50 << 10));
    assert_null(arena_alloc_aligned(&arena, 80 << 10));
    assert_int_equal(arena_try_alloc(&arena, 80 << 10, &p, &err), STATUS_LIMIT);
    assert_string_equal(err.sqlstate, "53200");
    assert_true(str_find(str_from(err.message), STR("query memory")) >= 0);
    assert_int_equal(mem_budget_used(&root), mem_budget_used(&query));
    /* What nobody checks is not refused, but counts. */
    assert_non_null(ARENA_NEW_ARRAY(&arena, char, 80 << 10));
    assert_true(mem_budget_used(&query) > 100 << 10);
    assert_int_equal(arena_try_alloc(&arena, 1 << 20, &p, NULL), STATUS_LIMIT);
    arena_done(&arena);
    assert_int_equal(mem_budget_used(&root), 0);
    assert_true(query.peak_bytes >= 130 << 10);
}

static void test_a_charge_over_the_parents_limit_leaves_no_trace(void **state)
{
    MemBudget root;
    MemBudget child;
    mem_budget_init(&root, NULL, "root", 100);
    mem_budget_init(&child, &root, "child", 1000);
    assert_int_equal(mem_budget_charge(&child, 101, NULL), STATUS_LIMIT);
    assert_int_equal(mem_budget_used(&child), 0);
    assert_int_equal(mem_budget_used(&root), 0);
    assert_int_equal(mem_budget_charge(&child, 100, NULL), STATUS_OK);
    mem_budget_release(&child, 100);
}

static int order[3];
static int order_count;
static void note_cleanup(void *ctx)
{
    order[order_count++] = *(int *)ctx;
}

static void test_cleanups_run_once_in_reverse(void **state)
{
    Arena arena;
    int numbers[] = {1, 2, 3};
    order_count = 0;
    arena_init(&arena, NULL);
    for (int i = 0; i < 3; i++)
        arena_on_cleanup(&arena, note_cleanup, &numbers[i]);
    arena_reset(&arena);
    arena_done(&arena);
    assert_int_equal(order_count, 3);
    assert_int_equal(order[0], 3);
    assert_int_equal(order[2], 1);
}

static void test_reset_reuses_memory_within_the_budget(void **state)
{
    MemBudget budget;
    Arena arena;
    mem_budget_init(&budget, NULL, "b", INT64_MAX);
    arena_init(&arena, &budget);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 100; i++)
            assert_non_null(arena_alloc(&arena, 100));
        arena_reset(&arena);
    }
    assert_true(budget.peak_bytes < 100000);
    arena_done(&arena);
    assert_int_equal(mem_budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_aligned_and_kept_apart),
        cmocka_unit_test(test_budget_refuses_and_gets_everything_back),
        cmocka_unit_test(test_a_charge_over_the_parents_limit_leaves_no_trace),
        cmocka_unit_test(test_cleanups_run_once_in_reverse),
        cmocka_unit_test(test_reset_reuses_memory_within_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
