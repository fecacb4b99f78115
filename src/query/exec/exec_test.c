/* exec_test.c - the operators against naive models, over random rows with NULLs and dictionaries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "fake_scan.h"
#include "query/exec/exec.h"

enum { ROWS = 50000 };

typedef struct Fixture {
    Arena arena;
    Pool *pool;
    FakeTable fake;
    /* The model's view of the same rows. */
    int64_t *id;
    int64_t *group; /* -1 = NULL */
    double *value;
    bool *value_null;
    uint32_t *host;
    const char *spill_dir;  /* NULL = queries do not spill */
    uint64_t spilled_bytes; /* of the last run */
} Fixture;

static uint64_t random_state = 42;
static uint32_t rnd(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % below);
}

static const TableColumn table_columns[] = {
    {.name = STR_INIT("id"), .type = {.id = TYPE_INT8, .typmod = -1}},
    {.name = STR_INIT("grp"), .type = {.id = TYPE_INT4, .typmod = -1}},
    {.name = STR_INIT("value"), .type = {.id = TYPE_FLOAT8, .typmod = -1}},
    {.name = STR_INIT("host"), .type = {.id = TYPE_TEXT, .typmod = -1}},
};
enum { HOSTS = 17 };

static int setup(void **state)
{
    Fixture *f = *state = MEM_NEW(Fixture);
    arena_init(&f->arena, NULL);
    assert_int_equal(pool_new("test", 3, &f->pool, NULL), STATUS_OK);
    f->fake.table = (Table){.id = 1,
                            .schema = STR("public"),
                            .name = STR("t"),
                            .columns = table_columns,
                            .column_count = 4,
                            .time_column = -1};
    f->fake.morsel_rows = 5000;
    Column *c = ARENA_NEW_ARRAY(&f->arena, Column, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(column_init(&c[i], &f->arena,
                                     i == 3 ? TYPE_OF(INT4) : table_columns[i].type, ROWS, i != 0,
                                     NULL),
                         STATUS_OK);
    Column *dict = column_new(&f->arena, TYPE_OF(TEXT), HOSTS);
    for (int i = 0; i < HOSTS; i++) {
        Str name = arena_printf(&f->arena, "host-with-a-long-name-%02d", i);
        ((View *)column_values(dict))[i] = view_make(name.ptr, name.len);
    }
    f->id = MEM_NEW_ARRAY(int64_t, ROWS);
    f->group = MEM_NEW_ARRAY(int64_t, ROWS);
    f->value = MEM_NEW_ARRAY(double, ROWS);
    f->value_null = MEM_NEW_ARRAY(bool, ROWS);
    f->host = MEM_NEW_ARRAY(uint32_t, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        f->id[i] = i;
        f->group[i] = rnd(20) == 0 ? -1 : (int64_t)rnd(100);
        f->value_null[i] = rnd(10) == 0;
        f->value[i] = (double)rnd(1000) / 4; /* sums are exact */
        f->host[i] = rnd(HOSTS);
        ((int64_t *)column_values(&c[0]))[i] = f->id[i];
        ((int32_t *)column_values(&c[1]))[i] = (int32_t)f->group[i];
        bit_put(column_validity(&c[1]), i, f->group[i] >= 0);
        ((double *)column_values(&c[2]))[i] = f->value[i];
        bit_put(column_validity(&c[2]), i, !f->value_null[i]);
        ((uint32_t *)column_values(&c[3]))[i] = f->host[i];
    }
    c[3].type = TYPE_OF(TEXT);
    c[3].dict = dict;
    c[3].validity = NULL;
    f->fake.rows = (RecordBatch){.columns = c, .column_count = 4, .row_count = ROWS};
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    f->pool = pool_free(f->pool);
    mem_free(f->id);
    mem_free(f->group);
    mem_free(f->value);
    mem_free(f->value_null);
    mem_free(f->host);
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

/* ---------------------------------------------------------------- building plans */

static PlanNode *node(Fixture *f, PlanKind kind, PlanNode *left, PlanNode *right, const Type *types,
                      uint32_t count)
{
    PlanNode *n = plan_node_new(&f->arena, kind);
    Field *fields = ARENA_NEW_ARRAY(&f->arena, Field, count + 1);
    for (uint32_t i = 0; i < count; i++)
        fields[i].type = types[i];
    n->children[0] = left;
    n->children[1] = right;
    n->schema = (Schema){fields, count};
    return n;
}

static PlanNode *scan(Fixture *f)
{
    static const uint16_t columns[] = {0, 1, 2, 3};
    Type types[4];
    for (int i = 0; i < 4; i++)
        types[i] = table_columns[i].type;
    PlanNode *n = node(f, PLAN_SCAN, NULL, NULL, types, 4);
    n->table = &f->fake.table;
    n->scan_columns = columns;
    return n;
}

static PlanNode *same_shape(Fixture *f, PlanKind kind, PlanNode *child)
{
    PlanNode *n = plan_node_new(&f->arena, kind);
    n->children[0] = child;
    n->schema = child->schema;
    return n;
}

static Expr *col(Fixture *f, const PlanNode *child, uint16_t input, uint32_t column)
{
    return expr_column(&f->arena, input, column, child->schema.fields[column].type);
}

static const Function *find_function(const char *name, bool op, Type a, Type b)
{
    uint32_t count;
    const Function *const *all = func_find(str_from(name), op, &count);
    for (uint32_t i = 0; i < count; i++)
        if (all[i]->arg_count == 2 && type_eq(all[i]->args[0], a) && type_eq(all[i]->args[1], b))
            return all[i];
    return NULL;
}

static Expr *binary(Fixture *f, const char *name, Expr *a, Expr *b)
{
    const Function *fn = find_function(name, true, a->type, b->type);
    assert_non_null(fn);
    Expr *e = expr_new(&f->arena, EXPR_CALL, fn->ret);
    e->function = fn;
    e->args = ARENA_NEW_ARRAY(&f->arena, Expr *, 2);
    e->args[0] = a;
    e->args[1] = b;
    e->arg_count = 2;
    return e;
}

static Expr *aggregate(Fixture *f, const char *name, Expr *arg)
{
    uint32_t count;
    const Aggregate *const *all = func_find_aggregate(str_from(name), &count);
    for (uint32_t i = 0; i < count; i++) {
        if (all[i]->arg_count != (arg ? 1 : 0) ||
            (arg && all[i]->args[0].id != TYPE_ANY && !type_eq(all[i]->args[0], arg->type)))
            continue;
        Expr *e = expr_new(&f->arena, EXPR_AGGREGATE, all[i]->ret);
        e->aggregate = all[i];
        e->args = ARENA_NEW_ARRAY(&f->arena, Expr *, 1);
        e->args[0] = arg;
        e->arg_count = arg ? 1 : 0;
        return e;
    }
    fail_msg("no aggregate %s", name);
    return NULL;
}

static PlanNode *aggregate_node(Fixture *f, PlanNode *child, Expr **groups, uint32_t group_count,
                                Expr **aggregates, uint32_t aggregate_count)
{
    Type types[16];
    for (uint32_t i = 0; i < group_count; i++)
        types[i] = groups[i]->type;
    for (uint32_t i = 0; i < aggregate_count; i++)
        types[group_count + i] = aggregates[i]->type;
    PlanNode *n = node(f, PLAN_AGGREGATE, child, NULL, types, group_count + aggregate_count);
    n->groups = group_count ? arena_dup(&f->arena, groups, sizeof *groups * group_count) : NULL;
    n->group_count = group_count;
    n->aggregates = arena_dup(&f->arena, aggregates, sizeof *aggregates * aggregate_count);
    n->aggregate_count = aggregate_count;
    return n;
}

typedef struct Result {
    RecordBatch *batches;
    uint32_t count;
    uint32_t cap;
    uint32_t rows;
} Result;

static Status try_run(Fixture *f, PlanNode *root, Result *ret, MemBudget *budget, Error *err)
{
    Plan plan = {.arena = &f->arena, .root = root, .cte_count = 4};
    ExecOptions options = {.snapshot = (Snapshot *)(void *)&f->fake,
                           .pool = f->pool,
                           .budget = budget,
                           .workers_max = 4,
                           .spill_dir = f->spill_dir,
                           .write_batch = (WriteBatch *)(void *)&f->fake};
    Exec *exec;
    *ret = (Result){0};
    TRY(plan_verify(&plan, err));
    TRY(exec_open(&plan, &options, &exec, err));
    Status status;
    for (;;) {
        RecordBatch batch;
        RecordBatch copy;
        status = exec_next(exec, &batch, err);
        if (status != STATUS_OK || !batch.row_count)
            break;
        assert_int_equal(batch.column_count, root->schema.field_count);
        assert_int_equal(batch_copy(&batch, &f->arena, &copy, NULL), STATUS_OK);
        ARENA_PUSH(&f->arena, ret->batches, ret->count, ret->cap, copy);
        ret->rows += batch.row_count;
    }
    f->spilled_bytes = exec_spilled_bytes(exec);
    (void)exec_close(exec);
    return status;
}

static Result run(Fixture *f, PlanNode *root)
{
    Result result;
    Error err = {0};
    if (try_run(f, root, &result, NULL, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    return result;
}

#define EACH_ROW(result, b, i)                                                                     \
    for (uint32_t b##_n = 0; b##_n < (result).count; b##_n++)                                      \
        for (const RecordBatch *b = &(result).batches[b##_n]; b; b = NULL)                         \
            for (uint32_t i = 0; i < b->row_count; i++)

/* ---------------------------------------------------------------- tests */

static void test_filter_keeps_what_the_model_keeps(void **state)
{
    Fixture *f = *state;
    PlanNode *s = scan(f);
    PlanNode *filter = same_shape(f, PLAN_FILTER, s);
    double limit = 100.0;
    Column c = {.type = TYPE_OF(FLOAT8), .is_const = true, .len = 1, .values = &limit};
    filter->predicate = binary(f, "<", col(f, s, 0, 2), expr_const(&f->arena, &c));
    Result r = run(f, filter);
    uint32_t want = 0;
    for (uint32_t i = 0; i < ROWS; i++)
        want += !f->value_null[i] && f->value[i] < limit;
    assert_int_equal(r.rows, want);
    EACH_ROW(r, b, i)
    {
        int64_t id = column_i64(&b->columns[0], i);
        assert_true(f->value[id] < limit && !f->value_null[id]);
        assert_int_equal(column_str(&b->columns[3], i).len, 24);
    }
}

static void test_scan_predicates_are_bound_and_null_ones_match_nothing(void **state)
{
    Fixture *f = *state;
    PlanNode *s = scan(f);
    PlanPredicate p = {
        .column = 0, .op = SCAN_LT, .value = expr_const_i64(&f->arena, TYPE_OF(INT8), 10)};
    s->predicates = &p;
    s->predicate_count = 1;
    assert_int_equal(run(f, s).rows, 10);
    p.value = expr_const_null(&f->arena, TYPE_OF(INT8));
    assert_int_equal(run(f, s).rows, 0);
}

static void check_groups(Fixture *f, Result r, bool by_host)
{
    double sum[HOSTS + 101] = {0};
    int64_t rows[HOSTS + 101] = {0};
    int64_t values[HOSTS + 101] = {0};
    uint32_t groups = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        int64_t g = by_host ? f->host[i] : f->group[i] + 1;
        groups += rows[g]++ == 0;
        if (!f->value_null[i]) {
            sum[g] += f->value[i];
            values[g]++;
        }
    }
    assert_int_equal(r.rows, groups);
    EACH_ROW(r, b, i)
    {
        int64_t g;
        if (by_host)
            g = (int)strtol(column_str(&b->columns[0], i).ptr + 22, NULL, 10);
        else
            g = column_is_null(&b->columns[0], i) ? 0 : column_i64(&b->columns[0], i) + 1;
        assert_int_equal(column_i64(&b->columns[1], i), rows[g]);
        assert_int_equal(column_i64(&b->columns[2], i), values[g]);
        assert_true(column_f64(&b->columns[3], i) == sum[g]);
    }
}

static void test_group_by_integer_and_dictionary_equal_the_model(void **state)
{
    Fixture *f = *state;
    for (int by_host = 0; by_host < 2; by_host++) {
        PlanNode *s = scan(f);
        Expr *groups[] = {col(f, s, 0, by_host ? 3 : 1)};
        Expr *aggs[] = {aggregate(f, "count", NULL), aggregate(f, "count", col(f, s, 0, 2)),
                        aggregate(f, "sum", col(f, s, 0, 2))};
        check_groups(f, run(f, aggregate_node(f, s, groups, 1, aggs, 3)), by_host);
    }
}

static void test_ungrouped_aggregates_over_nothing_give_one_row(void **state)
{
    Fixture *f = *state;
    PlanNode *s = scan(f);
    PlanPredicate p = {
        .column = 0, .op = SCAN_LT, .value = expr_const_i64(&f->arena, TYPE_OF(INT8), 0)};
    s->predicates = &p;
    s->predicate_count = 1;
    Expr *aggs[] = {aggregate(f, "count", NULL), aggregate(f, "sum", col(f, s, 0, 2)),
                    aggregate(f, "max", col(f, s, 0, 3))};
    Result r = run(f, aggregate_node(f, s, NULL, 0, aggs, 3));
    assert_int_equal(r.rows, 1);
    assert_int_equal(column_i64(&r.batches[0].columns[0], 0), 0);
    assert_true(column_is_null(&r.batches[0].columns[1], 0));
    assert_true(column_is_null(&r.batches[0].columns[2], 0));
}

static void test_distinct_and_filtered_aggregates(void **state)
{
    Fixture *f = *state;
    PlanNode *s = scan(f);
    Expr *distinct = aggregate(f, "count", col(f, s, 0, 1));
    distinct->distinct = true;
    Expr *filtered = aggregate(f, "count", NULL);
    filtered->filter = binary(f, "<", col(f, s, 0, 0), expr_const_i64(&f->arena, TYPE_OF(INT8), 7));
    Expr *aggs[] = {distinct, filtered};
    Result r = run(f, aggregate_node(f, s, NULL, 0, aggs, 2));
    assert_int_equal(column_i64(&r.batches[0].columns[0], 0), 100);
    assert_int_equal(column_i64(&r.batches[0].columns[1], 0), 7);
}

static void test_grouping_sets_sum_up(void **state)
{
    Fixture *f = *state;
    static const uint64_t sets[] = {1, 2, 3, 0};
    PlanNode *s = scan(f);
    Expr *groups[] = {col(f, s, 0, 1), col(f, s, 0, 3)};
    Expr *aggs[] = {aggregate(f, "count", NULL)};
    PlanNode *a = aggregate_node(f, s, groups, 2, aggs, 1);
    a->grouping_sets = sets;
    a->grouping_set_count = 4;
    Result r = run(f, a);
    int64_t total = 0;
    EACH_ROW(r, b, i) total += column_i64(&b->columns[2], i);
    assert_int_equal(total, 4 * ROWS);
}

static void test_sort_orders_and_top_n_equals_its_head(void **state)
{
    Fixture *f = *state;
    PlanNode *s = scan(f);
    SortKey keys[] = {{.expr = col(f, s, 0, 2), .descending = true, .nulls_first = true},
                      {.expr = col(f, s, 0, 0)}};
    PlanNode *sort = same_shape(f, PLAN_SORT, s);
    sort->keys = keys;
    sort->key_count = 2;
    Result all = run(f, sort);
    assert_int_equal(all.rows, ROWS);
    int64_t *ids = ARENA_NEW_ARRAY(&f->arena, int64_t, ROWS);
    uint32_t at = 0;
    EACH_ROW(all, b, i) ids[at++] = column_i64(&b->columns[0], i);
    for (uint32_t i = 1; i < ROWS; i++) {
        bool an = f->value_null[ids[i - 1]];
        bool bn = f->value_null[ids[i]];
        double x = f->value[ids[i - 1]];
        double y = f->value[ids[i]];
        bool ok = an != bn ? an : (an || x == y) ? ids[i - 1] < ids[i] : x > y;
        assert_true(ok);
    }
    PlanNode *top = same_shape(f, PLAN_LIMIT, s);
    top->keys = keys;
    top->key_count = 2;
    top->limit = expr_const_i64(&f->arena, TYPE_OF(INT8), 25);
    top->offset = expr_const_i64(&f->arena, TYPE_OF(INT8), 5);
    Result head = run(f, top);
    assert_int_equal(head.rows, 25);
    at = 5;
    EACH_ROW(head, b, i) assert_int_equal(column_i64(&b->columns[0], i), ids[at++]);
}

static void test_limit_and_offset_cut_batches(void **state)
{
    Fixture *f = *state;
    PlanNode *s = scan(f);
    PlanNode *limit = same_shape(f, PLAN_LIMIT, s);
    limit->limit = expr_const_i64(&f->arena, TYPE_OF(INT8), 3000);
    limit->offset = expr_const_i64(&f->arena, TYPE_OF(INT8), 2500);
    Result r = run(f, limit);
    assert_int_equal(r.rows, 3000);
    assert_int_equal(column_i64(&r.batches[0].columns[0], 0), 2500);
}

/* The head of the table as a child of its own: ids below `below`. */
static PlanNode *head(Fixture *f, int64_t below)
{
    PlanNode *s = scan(f);
    s->predicates = ARENA_NEW(&f->arena, PlanPredicate);
    *s->predicates = (PlanPredicate){
        .column = 0, .op = SCAN_LT, .value = expr_const_i64(&f->arena, TYPE_OF(INT8), below)};
    s->predicate_count = 1;
    return s;
}

static PlanNode *join_node(Fixture *f, PlanNode *left, PlanNode *right, JoinKind kind, bool hash)
{
    Type types[9];
    uint32_t width = 4;
    for (int i = 0; i < 8; i++)
        types[i] = table_columns[i % 4].type;
    bool left_only = kind == JOIN_SEMI || kind == JOIN_ANTI || kind == JOIN_NULL_ANTI;
    if (kind == JOIN_MARK)
        types[width++] = TYPE_OF(BOOL);
    else if (!left_only)
        width = 8;
    PlanNode *j = node(f, PLAN_JOIN, left, right, types, width);
    j->join_kind = kind;
    /* ON l.grp = r.grp AND l.id < r.id */
    Expr *less = binary(f, "<", col(f, left, 0, 0), col(f, right, 1, 0));
    if (hash) {
        j->left_keys = ARENA_NEW_ARRAY(&f->arena, Expr *, 1);
        j->right_keys = ARENA_NEW_ARRAY(&f->arena, Expr *, 1);
        j->left_keys[0] = col(f, left, 0, 1);
        j->right_keys[0] = col(f, right, 1, 1);
        j->join_key_count = 1;
        j->predicate = less;
    } else {
        j->predicate =
            expr_and(&f->arena, binary(f, "=", col(f, left, 0, 1), col(f, right, 1, 1)), less);
    }
    return j;
}

static void test_joins_of_every_kind_equal_the_model(void **state)
{
    Fixture *f = *state;
    enum { LEFT = 400, RIGHT = 900 };
    static const JoinKind kinds[] = {JOIN_INNER, JOIN_LEFT, JOIN_RIGHT,
                                     JOIN_FULL,  JOIN_SEMI, JOIN_ANTI};
    uint32_t pairs = 0;
    uint32_t left_matched = 0;
    uint32_t right_matched = 0;
    bool *right_seen = ARENA_NEW_ARRAY(&f->arena, bool, RIGHT);
    for (uint32_t l = 0; l < LEFT; l++) {
        bool any = false;
        for (uint32_t r = l + 1; r < RIGHT; r++) {
            if (f->group[l] < 0 || f->group[l] != f->group[r])
                continue;
            pairs++;
            any = true;
            right_matched += !right_seen[r];
            right_seen[r] = true;
        }
        left_matched += any;
    }
    uint32_t want[] = {pairs,
                       pairs + LEFT - left_matched,
                       pairs + RIGHT - right_matched,
                       pairs + LEFT - left_matched + RIGHT - right_matched,
                       left_matched,
                       LEFT - left_matched};
    for (int hash = 0; hash < 2; hash++) {
        for (size_t k = 0; k < LUMA_ARRAY_LEN(kinds); k++) {
            Result r = run(f, join_node(f, head(f, LEFT), head(f, RIGHT), kinds[k], hash));
            assert_int_equal(r.rows, want[k]);
            if (kinds[k] != JOIN_INNER)
                continue;
            EACH_ROW(r, b, i)
            {
                assert_int_equal(column_i64(&b->columns[1], i), column_i64(&b->columns[5], i));
                assert_true(column_i64(&b->columns[0], i) < column_i64(&b->columns[4], i));
            }
        }
    }
}

static void test_parallel_join_under_aggregate_counts_pairs(void **state)
{
    Fixture *f = *state;
    PlanNode *left = scan(f);
    PlanNode *right = head(f, 1000);
    PlanNode *j = join_node(f, left, right, JOIN_INNER, true);
    j->predicate = NULL;
    Expr *aggs[] = {aggregate(f, "count", NULL)};
    Result r = run(f, aggregate_node(f, j, NULL, 0, aggs, 1));
    int64_t by_group[100] = {0};
    int64_t want = 0;
    for (uint32_t i = 0; i < 1000; i++)
        if (f->group[i] >= 0)
            by_group[f->group[i]]++;
    for (uint32_t i = 0; i < ROWS; i++)
        want += f->group[i] >= 0 ? by_group[f->group[i]] : 0;
    assert_int_equal(column_i64(&r.batches[0].columns[0], 0), want);
}

static void test_null_aware_anti_join_is_empty_when_the_right_side_has_a_null(void **state)
{
    Fixture *f = *state;
    PlanNode *j = join_node(f, head(f, 400), head(f, 900), JOIN_NULL_ANTI, true);
    j->predicate = NULL;
    bool has_null = false;
    for (uint32_t i = 0; i < 900; i++)
        has_null |= f->group[i] < 0;
    assert_true(has_null);
    assert_int_equal(run(f, j).rows, 0);
}

static void test_set_operations(void **state)
{
    Fixture *f = *state;
    static const struct {
        SetOpKind op;
        bool all;
        uint32_t want;
    } cases[] = {{SET_OP_UNION, true, 700},      {SET_OP_UNION, false, 500},
                 {SET_OP_INTERSECT, false, 200}, {SET_OP_INTERSECT, true, 200},
                 {SET_OP_EXCEPT, false, 300},    {SET_OP_EXCEPT, true, 300}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        PlanNode *left = head(f, 500);
        PlanNode *n = same_shape(f, PLAN_SET_OP, left);
        n->children[1] = head(f, 200);
        n->set_op = cases[i].op;
        n->all = cases[i].all;
        assert_int_equal(run(f, n).rows, cases[i].want);
    }
}

static void test_window_ranks_and_running_sums(void **state)
{
    Fixture *f = *state;
    PlanNode *s = head(f, 3000);
    Type types[8];
    for (int i = 0; i < 4; i++)
        types[i] = table_columns[i].type;
    types[4] = TYPE_OF(INT8);
    types[5] = TYPE_OF(FLOAT8);
    types[6] = TYPE_OF(INT8);
    PlanNode *w = node(f, PLAN_WINDOW, s, NULL, types, 7);
    Expr *group = col(f, s, 0, 3);
    SortKey key = {.expr = col(f, s, 0, 0)};
    Expr *row_number = expr_new(&f->arena, EXPR_WINDOW, TYPE_OF(INT8));
    row_number->window_function = "row_number";
    Expr *sum = aggregate(f, "sum", col(f, s, 0, 2));
    sum->kind = EXPR_WINDOW;
    Expr *lag = expr_new(&f->arena, EXPR_WINDOW, TYPE_OF(INT8));
    Expr *lag_arg = col(f, s, 0, 0);
    lag->window_function = "lag";
    lag->args = &lag_arg;
    lag->arg_count = 1;
    Expr *calls[] = {row_number, sum, lag};
    w->groups = &group;
    w->group_count = 1;
    w->keys = &key;
    w->key_count = 1;
    w->aggregates = calls;
    w->aggregate_count = 3;
    w->frame = (WindowFrame){
        .unit = FRAME_RANGE, .start = FRAME_UNBOUNDED_PRECEDING, .end = FRAME_CURRENT};
    Result r = run(f, w);
    assert_int_equal(r.rows, 3000);
    double running[HOSTS] = {0};
    int64_t number[HOSTS] = {0};
    int64_t last[HOSTS];
    EACH_ROW(r, b, i)
    {
        int64_t id = column_i64(&b->columns[0], i);
        uint32_t h = f->host[id];
        assert_int_equal(column_i64(&b->columns[4], i), ++number[h]);
        if (!f->value_null[id])
            running[h] += f->value[id];
        if (!column_is_null(&b->columns[5], i))
            assert_true(column_f64(&b->columns[5], i) == running[h]);
        assert_int_equal(column_is_null(&b->columns[6], i), number[h] == 1);
        if (number[h] > 1)
            assert_int_equal(column_i64(&b->columns[6], i), last[h]);
        last[h] = id;
    }
}

static void test_correlated_scalar_subquery_runs_per_group(void **state)
{
    Fixture *f = *state;
    PlanNode *outer = head(f, 300);
    PlanNode *inner = head(f, 2000);
    PlanNode *filter = same_shape(f, PLAN_FILTER, inner);
    Expr *ref = expr_new(&f->arena, EXPR_OUTER, TYPE_OF(INT4));
    ref->depth = 1;
    ref->column = 1;
    filter->predicate = binary(f, "=", col(f, inner, 0, 1), ref);
    Expr *aggs[] = {aggregate(f, "count", NULL)};
    PlanNode *sub = aggregate_node(f, filter, NULL, 0, aggs, 1);
    Expr *subquery = expr_new(&f->arena, EXPR_SUBQUERY, TYPE_OF(INT8));
    subquery->subquery_kind = SUBQUERY_SCALAR;
    subquery->subplan = sub;
    Type types[] = {TYPE_OF(INT8), TYPE_OF(INT8)};
    Expr *exprs[] = {col(f, outer, 0, 0), subquery};
    PlanNode *project = node(f, PLAN_PROJECT, outer, NULL, types, 2);
    project->exprs = exprs;
    project->expr_count = 2;
    Result r = run(f, project);
    assert_int_equal(r.rows, 300);
    EACH_ROW(r, b, i)
    {
        int64_t id = column_i64(&b->columns[0], i);
        int64_t want = 0;
        for (uint32_t k = 0; k < 2000; k++)
            want += f->group[id] >= 0 && f->group[k] == f->group[id];
        assert_int_equal(column_i64(&b->columns[1], i), want);
    }
}

static void test_recursive_union_counts(void **state)
{
    Fixture *f = *state;
    Type types[] = {TYPE_OF(INT8)};
    Expr *one = expr_const_i64(&f->arena, TYPE_OF(INT8), 1);
    PlanNode *seed = node(f, PLAN_VALUES, NULL, NULL, types, 1);
    seed->exprs = &one;
    seed->expr_count = 1;
    seed->values_rows = 1;
    PlanNode *cte = node(f, PLAN_CTE_SCAN, NULL, NULL, types, 1);
    PlanNode *filter = same_shape(f, PLAN_FILTER, cte);
    filter->predicate =
        binary(f, "<", col(f, cte, 0, 0), expr_const_i64(&f->arena, TYPE_OF(INT8), 100));
    PlanNode *step = node(f, PLAN_PROJECT, filter, NULL, types, 1);
    Expr *next = binary(f, "+", col(f, filter, 0, 0), one);
    step->exprs = &next;
    step->expr_count = 1;
    PlanNode *recursive = node(f, PLAN_RECURSIVE, seed, step, types, 1);
    assert_int_equal(run(f, recursive).rows, 100);
}

static void test_budget_gives_53200_and_is_given_back(void **state)
{
    Fixture *f = *state;
    MemBudget budget;
    Result r;
    Error err = {0};
    mem_budget_init(&budget, NULL, "query memory", 600 * 1024);
    PlanNode *s = scan(f);
    SortKey key = {.expr = col(f, s, 0, 2)};
    PlanNode *sort = same_shape(f, PLAN_SORT, s);
    sort->keys = &key;
    sort->key_count = 1;
    assert_int_equal(try_run(f, sort, &r, &budget, &err), STATUS_LIMIT);
    assert_string_equal(err.sqlstate, "53200");
    assert_int_equal(mem_budget_used(&budget), 0);
}

/* With so little memory that rows must go to disk, and the budget given back. */
static Result run_spilling(Fixture *f, PlanNode *root, int64_t bytes)
{
    MemBudget budget;
    Error err = {0};
    Result r;
    mem_budget_init(&budget, NULL, "query memory", bytes);
    f->spill_dir = "/tmp";
    if (try_run(f, root, &r, &budget, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    f->spill_dir = NULL;
    assert_true(f->spilled_bytes > 0);
    assert_int_equal(mem_budget_used(&budget), 0);
    return r;
}

static void test_a_spilled_sort_equals_one_in_memory(void **state)
{
    Fixture *f = *state;
    PlanNode *s = scan(f);
    SortKey keys[] = {{.expr = col(f, s, 0, 3), .descending = true}, {.expr = col(f, s, 0, 2)}};
    PlanNode *sort = same_shape(f, PLAN_SORT, s);
    sort->keys = keys;
    sort->key_count = 2;
    Result whole = run(f, sort);
    Result spilled = run_spilling(f, sort, 4 << 20);
    assert_int_equal(spilled.rows, whole.rows);
    uint32_t batch = 0;
    uint32_t row = 0;
    EACH_ROW(whole, b, i)
    {
        const RecordBatch *other = &spilled.batches[batch];
        assert_int_equal(column_i64(&b->columns[0], i), column_i64(&other->columns[0], row));
        assert_true(str_eq(column_str(&b->columns[3], i), column_str(&other->columns[3], row)));
        if (++row == other->row_count) {
            row = 0;
            batch++;
        }
    }
}

static void test_spilled_groups_equal_the_model(void **state)
{
    Fixture *f = *state;
    for (uint32_t workers = 0; workers < 2; workers++) {
        PlanNode *s = scan(f);
        Expr *groups[] = {col(f, s, 0, 0)};
        Expr *first = aggregate(f, "count", col(f, s, 0, 2));
        first->distinct = workers == 0; /* distinct aggregates run on one thread */
        Expr *aggs[] = {aggregate(f, "count", NULL), first, aggregate(f, "max", col(f, s, 0, 3))};
        Result r = run_spilling(f, aggregate_node(f, s, groups, 1, aggs, 3), 6 << 20);
        uint8_t *seen = arena_zalloc(&f->arena, ROWS);
        assert_int_equal(r.rows, ROWS);
        EACH_ROW(r, b, i)
        {
            int64_t id = column_i64(&b->columns[0], i);
            assert_false(seen[id]);
            seen[id] = 1;
            assert_int_equal(column_i64(&b->columns[1], i), 1);
            assert_int_equal(column_i64(&b->columns[2], i), !f->value_null[id]);
            assert_int_equal(column_str(&b->columns[3], i).len, 24);
        }
    }
}

static void test_division_error_in_an_untaken_branch_is_not_raised(void **state)
{
    Fixture *f = *state;
    PlanNode *s = head(f, 100);
    Type types[] = {TYPE_OF(INT8)};
    Expr *zero = expr_const_i64(&f->arena, TYPE_OF(INT8), 0);
    Expr *hundred = expr_const_i64(&f->arena, TYPE_OF(INT8), 100);
    Expr *args[] = {binary(f, "=", col(f, s, 0, 0), zero), zero,
                    binary(f, "/", hundred, col(f, s, 0, 0))};
    Expr *guarded = expr_new(&f->arena, EXPR_CASE, TYPE_OF(INT8));
    guarded->args = args;
    guarded->arg_count = 3;
    PlanNode *project = node(f, PLAN_PROJECT, s, NULL, types, 1);
    project->exprs = &guarded;
    project->expr_count = 1;
    Result r = run(f, project);
    assert_int_equal(column_i64(&r.batches[0].columns[0], 0), 0);
    assert_int_equal(column_i64(&r.batches[0].columns[0], 7), 14);
    Error err = {0};
    project->exprs = &args[2];
    assert_int_equal(try_run(f, project, &r, NULL, &err), STATUS_INVALID);
    assert_string_equal(err.sqlstate, "22012");
}

static void test_insert_spreads_columns_and_counts_rows(void **state)
{
    Fixture *f = *state;
    static const uint16_t targets[] = {0, 1, 2, 3};
    PlanNode *s = head(f, 70);
    PlanNode *insert = node(f, PLAN_INSERT, s, NULL, NULL, 0);
    insert->table = &f->fake.table;
    insert->target_columns = targets;
    insert->target_count = 4;
    f->fake.inserted = 0;
    assert_int_equal(run(f, insert).rows, 0);
    assert_int_equal(f->fake.inserted, 70);
}

static void test_explain_prints_a_tree(void **state)
{
    Fixture *f = *state;
    CLEANUP(buf_done) Buf out = {0};
    PlanNode *s = head(f, 70);
    PlanNode *filter = same_shape(f, PLAN_FILTER, s);
    filter->predicate =
        binary(f, "<", col(f, s, 0, 0), expr_const_i64(&f->arena, TYPE_OF(INT8), 5));
    Plan plan = {.arena = &f->arena, .root = filter};
    plan_explain(&plan, &out);
    buf_append_byte(&out, 0);
    assert_string_equal(out.ptr, "Filter\n  Filter: (#0.0 < 5)\n  ->  Seq Scan on public.t\n"
                                 "        Scan Cond: (id < 70)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_keeps_what_the_model_keeps),
        cmocka_unit_test(test_scan_predicates_are_bound_and_null_ones_match_nothing),
        cmocka_unit_test(test_group_by_integer_and_dictionary_equal_the_model),
        cmocka_unit_test(test_ungrouped_aggregates_over_nothing_give_one_row),
        cmocka_unit_test(test_distinct_and_filtered_aggregates),
        cmocka_unit_test(test_grouping_sets_sum_up),
        cmocka_unit_test(test_sort_orders_and_top_n_equals_its_head),
        cmocka_unit_test(test_limit_and_offset_cut_batches),
        cmocka_unit_test(test_joins_of_every_kind_equal_the_model),
        cmocka_unit_test(test_parallel_join_under_aggregate_counts_pairs),
        cmocka_unit_test(test_null_aware_anti_join_is_empty_when_the_right_side_has_a_null),
        cmocka_unit_test(test_set_operations),
        cmocka_unit_test(test_window_ranks_and_running_sums),
        cmocka_unit_test(test_correlated_scalar_subquery_runs_per_group),
        cmocka_unit_test(test_recursive_union_counts),
        cmocka_unit_test(test_budget_gives_53200_and_is_given_back),
        cmocka_unit_test(test_a_spilled_sort_equals_one_in_memory),
        cmocka_unit_test(test_spilled_groups_equal_the_model),
        cmocka_unit_test(test_division_error_in_an_untaken_branch_is_not_raised),
        cmocka_unit_test(test_insert_spreads_columns_and_counts_rows),
        cmocka_unit_test(test_explain_prints_a_tree),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
