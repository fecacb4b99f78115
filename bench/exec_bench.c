/* exec_bench.c - the executor over rows in memory: sum of a double, group by 1000 hosts, one-minute
 * buckets, a filter, a join and a sort; milliseconds, best of five.
 *
 *   exec_bench [rows] [workers]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fake_scan.h"
#include "query/exec/exec.h"

enum { HOSTS = 1000 };

static const TableColumn table_columns[] = {
    {.name = STR_INIT("ts"), .type = {.id = TYPE_TIMESTAMPTZ, .typmod = -1}},
    {.name = STR_INIT("value"), .type = {.id = TYPE_FLOAT8, .typmod = -1}},
    {.name = STR_INIT("host"), .type = {.id = TYPE_TEXT, .typmod = -1}},
    {.name = STR_INIT("id"), .type = {.id = TYPE_INT8, .typmod = -1}},
};

static Arena arena;
static FakeTable fake;
static Pool *pool;

static Column make_column(Type type, uint32_t rows)
{
    Column c = {0};
    ASSERT(column_init(&c, &arena, type, rows, false, NULL) == STATUS_OK);
    return c;
}

static void fill(uint32_t rows)
{
    static Column columns[4];
    static Column dict;
    for (int i = 0; i < 4; i++)
        columns[i] = make_column(i == 2 ? TYPE_OF(INT4) : table_columns[i].type, rows);
    dict = make_column(TYPE_OF(TEXT), HOSTS);
    for (int i = 0; i < HOSTS; i++) {
        Str name = arena_printf(&arena, "host-%04d.example.org", i);
        ((View *)column_values(&dict))[i] = view_make(name.ptr, name.len);
    }
    for (uint32_t i = 0; i < rows; i++) {
        ((int64_t *)column_values(&columns[0]))[i] =
            INT64_C(1700000000000000) + (int64_t)(i / HOSTS) * 15000000;
        ((double *)column_values(&columns[1]))[i] = (double)(i * 2654435761u % 10000) / 100;
        ((uint32_t *)column_values(&columns[2]))[i] = i % HOSTS;
        ((int64_t *)column_values(&columns[3]))[i] = (int64_t)(i * 2654435761u % rows);
    }
    columns[2].type = TYPE_OF(TEXT);
    columns[2].dict = &dict;
    fake.table = (Table){.id = 1,
                         .schema = STR("public"),
                         .name = STR("t"),
                         .columns = table_columns,
                         .column_count = 4,
                         .time_column = 0};
    fake.rows = (RecordBatch){.columns = columns, .column_count = 4, .row_count = rows};
    fake.morsel_rows = 128 * BATCH_ROWS;
}

static PlanNode *node(PlanKind kind, PlanNode *child, const Type *types, uint32_t count)
{
    PlanNode *n = plan_node_new(&arena, kind);
    Field *fields = ARENA_NEW_ARRAY(&arena, Field, count + 1);
    for (uint32_t i = 0; i < count; i++)
        fields[i].type = types[i];
    n->children[0] = child;
    n->schema = (Schema){fields, count};
    return n;
}

static PlanNode *scan(uint16_t a, uint16_t b)
{
    uint16_t *columns = ARENA_NEW_ARRAY(&arena, uint16_t, 2);
    Type types[2] = {table_columns[a].type, table_columns[b].type};
    columns[0] = a;
    columns[1] = b;
    PlanNode *n = node(PLAN_SCAN, NULL, types, 2);
    n->table = &fake.table;
    n->scan_columns = columns;
    return n;
}

static Expr *sum(PlanNode *child, uint32_t column)
{
    uint32_t count;
    const Aggregate *const *all = func_find_aggregate(STR("sum"), &count);
    for (uint32_t i = 0; i < count; i++) {
        if (!type_eq(all[i]->args[0], TYPE_OF(FLOAT8)))
            continue;
        Expr *e = expr_new(&arena, EXPR_AGGREGATE, TYPE_OF(FLOAT8));
        e->aggregate = all[i];
        e->args = ARENA_NEW_ARRAY(&arena, Expr *, 1);
        e->args[0] = expr_column(&arena, 0, column, child->schema.fields[column].type);
        e->arg_count = 1;
        return e;
    }
    return NULL;
}

static PlanNode *sum_by(PlanNode *child, Expr *group, uint32_t column)
{
    Type types[2] = {group ? group->type : TYPE_OF(FLOAT8), TYPE_OF(FLOAT8)};
    PlanNode *n = node(PLAN_AGGREGATE, child, types, group ? 2 : 1);
    n->groups = ARENA_NEW_ARRAY(&arena, Expr *, 1);
    n->groups[0] = group;
    n->group_count = group ? 1 : 0;
    n->aggregates = ARENA_NEW_ARRAY(&arena, Expr *, 1);
    n->aggregates[0] = sum(child, column);
    n->aggregate_count = 1;
    return n;
}

static Expr *minute_bucket(PlanNode *child)
{
    uint32_t count;
    const Function *const *all = func_find(STR("time_bucket"), false, &count);
    static Interval minute = {.us = 60000000};
    Column width = {.type = TYPE_OF(INTERVAL), .len = 1, .is_const = true, .values = &minute};
    for (uint32_t i = 0; i < count; i++) {
        if (all[i]->arg_count != 2 || all[i]->args[1].id != TYPE_TIMESTAMPTZ)
            continue;
        Expr *e = expr_new(&arena, EXPR_CALL, TYPE_OF(TIMESTAMPTZ));
        e->function = all[i];
        e->args = ARENA_NEW_ARRAY(&arena, Expr *, 2);
        e->args[0] = expr_const(&arena, &width);
        e->args[1] = expr_column(&arena, 0, 0, child->schema.fields[0].type);
        e->arg_count = 2;
        return e;
    }
    return NULL;
}

static PlanNode *top_n(PlanNode *child)
{
    PlanNode *n = plan_node_new(&arena, PLAN_LIMIT);
    n->children[0] = child;
    n->schema = child->schema;
    n->keys = ARENA_NEW(&arena, SortKey);
    n->keys->expr = expr_column(&arena, 0, 1, child->schema.fields[1].type);
    n->key_count = 1;
    n->limit = expr_const_i64(&arena, TYPE_OF(INT8), 100);
    return n;
}

static void measure(const char *name, PlanNode *root, uint32_t workers)
{
    Plan plan = {.arena = &arena, .root = root};
    ExecOptions options = {
        .snapshot = (Snapshot *)(void *)&fake, .pool = pool, .workers_max = workers};
    int64_t best = INT64_MAX;
    uint64_t rows = 0;
    for (int i = 0; i < 5; i++) {
        Exec *exec;
        RecordBatch batch;
        Error err = {0};
        int64_t start = clock_mono_ns();
        rows = 0;
        if (exec_open(&plan, &options, &exec, &err) != STATUS_OK) {
            printf("%s: %s\n", name, err.message);
            return;
        }
        while (exec_next(exec, &batch, &err) == STATUS_OK && batch.row_count)
            rows += batch.row_count;
        (void)exec_close(exec);
        best = LUMA_MIN(best, clock_mono_ns() - start);
    }
    printf("%-28s %8.1f ms  %llu rows\n", name, (double)best / 1e6, (unsigned long long)rows);
}

int main(int argc, char **argv)
{
    uint32_t rows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 20000000;
    uint32_t workers = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 2;
    arena_init(&arena, NULL);
    if (pool_new("bench", 2, &pool, NULL) != STATUS_OK)
        return 1;
    fill(rows);
    PlanNode *s = scan(0, 1);
    PlanNode *h = scan(2, 1);
    PlanNode *k = scan(3, 1);
    measure("sum of a double", sum_by(s, NULL, 1), workers);
    measure("sum by 1000 hosts", sum_by(h, expr_column(&arena, 0, 0, TYPE_OF(TEXT)), 1), workers);
    measure("sum by minute", sum_by(s, minute_bucket(s), 1), workers);
    measure("sum by id (all distinct)", sum_by(k, expr_column(&arena, 0, 0, TYPE_OF(INT8)), 1),
            workers);
    measure("top 100", top_n(k), workers);
    pool = pool_free(pool);
    arena_done(&arena);
    return 0;
}
