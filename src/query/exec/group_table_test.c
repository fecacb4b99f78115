#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "query/exec/group_table.h"

enum { ENTRIES = 40, ROWS = 500, BATCHES = 50, TEXTS = 100 };

/* Texts on both sides of what a view holds in itself. */
static Str text_of(uint32_t number, Arena *arena)
{
    return arena_printf(arena, number % 2 ? "t%u" : "a text that is too long for a view %u",
                        number);
}

/* A dictionary of `ENTRIES` different texts beginning anywhere; its values lie where the last one's
 * lay. */
static void fill_dict(Column *dict, uint32_t *numbers, Arena *arena)
{
    uint32_t first = (uint32_t)random() % TEXTS;
    View *views = (View *)(uintptr_t)dict->values;

    for (uint32_t i = 0; i < ENTRIES; i++) {
        numbers[i] = (first + i * 7) % TEXTS;
        Str text = text_of(numbers[i], arena);
        views[i] = view_make(text.ptr, text.len);
    }
}

static void test_codes_of_changing_dictionaries_and_nulls_find_their_groups(void **)
{
    GroupTable table;
    Arena arena;
    Arena scratch;
    View views[ENTRIES];
    uint32_t numbers[ENTRIES];
    uint32_t codes[ROWS];
    uint8_t validity[(ROWS + 7) / 8];
    uint32_t group_of[ROWS];
    uint32_t expected[TEXTS + 1]; /* group + 1 of each text; the last one is NULL's */
    Column dict = {.type = TYPE_OF(TEXT), .len = ENTRIES, .values = views};
    Type type = TYPE_OF(TEXT);

    srandom(3);
    memset(expected, 0, sizeof expected);
    arena_init(&arena, NULL);
    arena_init(&scratch, NULL);
    assert_int_equal(group_table_init(&table, NULL, &type, 1, NULL), STATUS_OK);
    for (int batch = 0; batch < BATCHES; batch++) {
        Column key = {
            .type = type, .len = ROWS, .values = codes, .validity = validity, .dict = &dict};
        fill_dict(&dict, numbers, &arena);
        for (uint32_t i = 0; i < ROWS; i++) {
            codes[i] = (uint32_t)random() % ENTRIES;
            bit_put(validity, i, random() % 10 != 0);
        }
        arena_reset(&scratch);
        assert_int_equal(group_table_find(&table, &key, ROWS, &scratch, group_of, NULL), STATUS_OK);
        for (uint32_t i = 0; i < ROWS; i++) {
            uint32_t *known = &expected[bit_get(validity, i) ? numbers[codes[i]] : TEXTS];
            if (!*known)
                *known = group_of[i] + 1;
            assert_int_equal(group_of[i], *known - 1);
        }
    }
    assert_int_equal(group_table_count(&table), TEXTS + 1);
    group_table_done(&table);
    arena_done(&scratch);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_of_changing_dictionaries_and_nulls_find_their_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
