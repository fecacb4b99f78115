#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <roaring/roaring.h>

#include "storage/index/id_table.h"
#include "storage/index/postings.h"

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

enum { UNIVERSE = 700 };

static void check(const Postings *p, const bool *in)
{
    uint32_t refs[UNIVERSE];
    uint32_t n = 0;
    roaring_bitmap_t *bitmap = roaring_bitmap_create();

    assert_true(p->count <= UNIVERSE);
    postings_copy(p, refs);
    postings_union_into(p, bitmap);
    assert_int_equal(roaring_bitmap_get_cardinality(bitmap), p->count);
    for (uint32_t ref = 0; ref < UNIVERSE; ref++) {
        assert_int_equal(postings_contains(p, ref * 1000), in[ref]);
        assert_int_equal(roaring_bitmap_contains(bitmap, ref * 1000), in[ref]);
        if (in[ref])
            assert_int_equal(refs[n++], ref * 1000);
    }
    assert_int_equal(n, p->count);
    roaring_bitmap_free(bitmap);
}

static void test_postings_equal_a_set(void **state)
{
    for (uint32_t round = 0; round < 60; round++) {
        Postings p = {0};
        bool in[UNIVERSE] = {0};
        uint32_t span = 1 + round * 11;
        int64_t bytes = 0;
        for (uint32_t step = 0; step < 2000; step++) {
            uint32_t ref = (uint32_t)(next_random() % span);
            bool add = next_random() % 3 != 0;
            bytes += add ? postings_add(&p, ref * 1000) : -postings_remove(&p, ref * 1000);
            assert_true(bytes >= 0);
            in[ref] = add;
            if (step % 100 == 99)
                check(&p, in);
        }
        for (uint32_t ref = 0; ref < UNIVERSE; ref++)
            bytes -= postings_remove(&p, ref * 1000);
        assert_int_equal(p.count, 0);
        assert_int_equal(bytes, 0);
        postings_done(&p);
    }
}

static bool table_has(const IdTable *table, uint32_t hash, uint32_t id)
{
    uint32_t pos = 0;
    uint32_t found;

    while ((found = id_table_next(table, hash, &pos)) != ID_NONE)
        if (found == id)
            return true;
    return false;
}

static void test_id_table_keeps_ids_with_equal_hashes_apart(void **state)
{
    enum { IDS = 3000 };
    IdTable table = {0};
    bool in[IDS] = {0};

    for (uint32_t step = 0; step < 60000; step++) {
        uint32_t id = (uint32_t)(next_random() % IDS);
        uint32_t hash = id % 500 * 77; /* six ids share a hash, and neighbours collide */
        if (in[id])
            id_table_remove(&table, hash, id);
        else
            id_table_put(&table, hash, id);
        in[id] = !in[id];
        uint32_t other = (uint32_t)(next_random() % IDS);
        assert_int_equal(table_has(&table, other % 500 * 77, other), in[other]);
    }
    id_table_done(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_postings_equal_a_set),
        cmocka_unit_test(test_id_table_keeps_ids_with_equal_hashes_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
