/* fake_scan.h - the engine's scan over rows in memory, for tests of the executor alone.
 *
 * A FakeTable stands behind the Snapshot pointer; morsels are fixed ranges of its rows. Predicates
 * are applied exactly, as engine.h demands. The definitions are weak: a program that links the real
 * engine gets that. */
#ifndef LUMA_TEST_LIB_FAKE_SCAN_H
#define LUMA_TEST_LIB_FAKE_SCAN_H

#include "query/func/value.h"
#include "storage/engine/engine.h"

typedef struct FakeTable {
    Table table;
    RecordBatch rows; /* one column per table column */
    uint32_t morsel_rows;
    uint32_t inserted;
} FakeTable;

struct Scan {
    const FakeTable *fake;
    const ScanSpec *spec;
    uint32_t next; /* atomic */
};

struct Morsel {
    Scan *scan;
    uint32_t pos;
    uint32_t end;
};

#define FAKE __attribute__((weak, unused))

FAKE Status engine_scan(Snapshot *snapshot, const ScanSpec *spec, Scan **ret_scan, Error *err)
{
    *ret_scan = MEM_NEW(Scan);
    **ret_scan = (Scan){.fake = (const FakeTable *)(const void *)snapshot, .spec = spec};
    return STATUS_OK;
}

FAKE Scan *scan_free(Scan *scan)
{
    mem_free(scan);
    return NULL;
}

FAKE void scan_stats(const Scan *scan, ScanStats *ret_stats)
{
    *ret_stats = (ScanStats){0};
}

FAKE uint64_t scan_row_estimate(const Scan *scan)
{
    return scan->fake->rows.row_count;
}

FAKE Status scan_next_morsel(Scan *scan, Morsel **ret_morsel, Error *err)
{
    uint32_t from = __atomic_fetch_add(&scan->next, scan->fake->morsel_rows, __ATOMIC_RELAXED);
    *ret_morsel = NULL;
    if (from >= scan->fake->rows.row_count)
        return STATUS_OK;
    *ret_morsel = MEM_NEW(Morsel);
    **ret_morsel =
        (Morsel){scan, from, LUMA_MIN(from + scan->fake->morsel_rows, scan->fake->rows.row_count)};
    return STATUS_OK;
}

static inline bool fake_row_passes(const Scan *scan, uint32_t row)
{
    for (uint32_t i = 0; i < scan->spec->predicate_count; i++) {
        const ScanPredicate *p = &scan->spec->predicates[i];
        const Column *c = &scan->fake->rows.columns[p->column];
        bool null = column_is_null(c, row);
        if (p->op == SCAN_IS_NULL || p->op == SCAN_IS_NOT_NULL) {
            if (null != (p->op == SCAN_IS_NULL))
                return false;
            continue;
        }
        if (null)
            return false;
        int order = value_cmp_fn(c->type)(c, row, &p->value, 0);
        bool holds = p->op == SCAN_EQ   ? order == 0
                     : p->op == SCAN_NE ? order != 0
                     : p->op == SCAN_LT ? order < 0
                     : p->op == SCAN_LE ? order <= 0
                     : p->op == SCAN_GT ? order > 0
                                        : order >= 0;
        if (!holds)
            return false;
    }
    return true;
}

FAKE Status morsel_next(Morsel *m, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const ScanSpec *spec = m->scan->spec;
    uint32_t count = LUMA_MIN(m->end - m->pos, (uint32_t)BATCH_ROWS);
    RecordBatch picked = {.column_count = spec->column_count, .row_count = count};
    *ret_batch = (RecordBatch){0};
    if (!count)
        return STATUS_OK;
    TRY(arena_try_alloc(arena, sizeof(Column) * (spec->column_count + 1), &picked.columns, err));
    for (uint32_t i = 0; i < spec->column_count; i++)
        TRY(column_slice(&m->scan->fake->rows.columns[spec->columns[i]], m->pos, count, arena,
                         &picked.columns[i], err));
    if (!spec->predicate_count) {
        m->pos += count;
        *ret_batch = picked;
        return STATUS_OK;
    }
    uint32_t *rows;
    uint32_t kept = 0;
    TRY(arena_try_alloc(arena, sizeof *rows * (count + 1), &rows, err));
    for (uint32_t i = 0; i < count; i++)
        if (fake_row_passes(m->scan, m->pos + i))
            rows[kept++] = i;
    m->pos += count;
    if (!kept)
        return morsel_next(m, arena, ret_batch, err);
    return batch_take(&picked, rows, kept, arena, ret_batch, err);
}

FAKE Morsel *morsel_close(Morsel *m)
{
    mem_free(m);
    return NULL;
}

FAKE Status write_batch_rows(WriteBatch *batch, const Table *table, const RecordBatch *rows,
                             Error *err)
{
    ((FakeTable *)(void *)batch)->inserted += rows->row_count;
    return STATUS_OK;
}

#endif
