#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/hot/segment_map.h"

typedef struct TestSegment {
    Segment base;
    int64_t *freed; /* atomic */
} TestSegment;

static void free_test_segment(Segment *segment)
{
    TestSegment *t = LUMA_CONTAINER_OF(segment, TestSegment, base);
    __atomic_add_fetch(t->freed, 1, __ATOMIC_RELAXED);
    mem_free(t);
}

static const SegmentOps test_ops = {free_test_segment};

static uint64_t insert(SegmentMap *map, uint64_t owner, int64_t *freed)
{
    TestSegment *t = MEM_NEW(TestSegment);

    segment_init(&t->base, &test_ops, owner);
    t->freed = freed;
    uint64_t id = segment_map_insert(map, &t->base);
    segment_unref(&t->base);
    return id;
}

static void test_segments_live_until_the_last_reference(void **state)
{
    SegmentMap map;
    int64_t freed = 0;
    uint64_t ids[300];

    segment_map_init(&map);
    for (int i = 0; i < 300; i++)
        ids[i] = insert(&map, (uint64_t)(i % 3), &freed);
    for (int i = 0; i < 300; i++)
        for (int k = 0; k < i; k++)
            assert_true(ids[i] != ids[k]);
    Segment *held = segment_map_get(&map, ids[7]);
    for (int i = 0; i < 300; i += 2)
        segment_unref(segment_map_remove(&map, ids[i]));
    assert_int_equal(freed, 150);
    for (int i = 0; i < 300; i++) {
        Segment *segment = segment_map_get(&map, ids[i]);
        assert_int_equal(segment != NULL, i % 2);
        if (segment)
            assert_true(segment->id == ids[i]);
        segment_unref(segment);
    }
    assert_null(segment_map_remove(&map, ids[0]));
    Segment **list;
    uint32_t count;
    segment_map_collect(&map, 1, &list, &count);
    assert_int_equal(count, 50);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(list[i]->owner == 1 && (i == 0 || list[i]->id > list[i - 1]->id));
        segment_unref(list[i]);
    }
    mem_free(list);
    segment_unref(segment_map_remove(&map, ids[7]));
    assert_int_equal(freed, 150);
    segment_unref(held);
    assert_int_equal(freed, 151);
    segment_map_done(&map);
    assert_int_equal(freed, 300);
}

typedef struct Worker {
    Thread thread;
    SegmentMap *map;
    int64_t *freed;
    uint64_t inserted;
} Worker;

static void work(void *arg)
{
    Worker *w = arg;

    for (int i = 0; i < 3000; i++) {
        uint64_t id = insert(w->map, 9, w->freed);
        w->inserted++;
        Segment *mine = segment_map_get(w->map, id);
        Segment *other = segment_map_get(w->map, id / 2);
        if (i % 4)
            segment_unref(segment_map_remove(w->map, id));
        segment_unref(other);
        segment_unref(mine);
    }
}

static void test_threads_share_a_map(void **state)
{
    SegmentMap map;
    int64_t freed = 0;
    Worker workers[3] = {0};
    uint64_t inserted = 0;

    segment_map_init(&map);
    for (int i = 0; i < 3; i++) {
        workers[i].map = &map;
        workers[i].freed = &freed;
        assert_int_equal(thread_start(&workers[i].thread, "worker", work, &workers[i], NULL),
                         STATUS_OK);
    }
    for (int i = 0; i < 3; i++) {
        thread_join(&workers[i].thread);
        inserted += workers[i].inserted;
    }
    segment_map_done(&map);
    assert_int_equal(freed, inserted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_live_until_the_last_reference),
        cmocka_unit_test(test_threads_share_a_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
