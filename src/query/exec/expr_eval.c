/* expr_eval.c - vectorised evaluation of expressions over batches.
 *
 * Constants stay constants and dictionaries stay dictionaries where the operation allows it: a
 * strict function of one dictionary column and constants runs once per dictionary entry. CASE,
 * COALESCE, AND and OR evaluate a branch only for the rows that reach it whenever the branch could
 * fail. */
#include "query/exec/exec_int.h"

#include "format/pgtype/pgarray.h"

struct ExprCache {
    ExprCache *next;
    const void *key;
    void *value;
};

void expr_eval_init(ExprEval *ev, Exec *exec, const OuterFrame *outer, Arena *batch, Arena *lasting)
{
    *ev = (ExprEval){
        .exec = exec,
        .outer = outer,
        .lasting = lasting,
        .ctx = {.arena = batch, .settings = exec->settings, .cancelled = exec->options.cancelled}};
}

void **expr_cache(ExprEval *ev, const void *key)
{
    for (ExprCache *c = ev->caches; c; c = c->next)
        if (c->key == key)
            return &c->value;
    ExprCache *c = ARENA_NEW(ev->lasting, ExprCache);
    c->key = key;
    c->next = ev->caches;
    ev->caches = c;
    return &c->value;
}

/* ---------------------------------------------------------------- helpers */

static Status no_memory(Error *err)
{
    return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
}

static Status new_rows(ExprEval *ev, uint32_t count, uint32_t **ret, Error *err)
{
    return arena_try_alloc(ev->ctx.arena, sizeof(uint32_t) * (count + 1), ret, err);
}

#define SCATTER_LOOP(ctype)                                                                        \
    do {                                                                                           \
        const ctype *in = src->values;                                                             \
        ctype *out = column_values(ret);                                                           \
        for (uint32_t i = 0; i < count; i++)                                                       \
            out[rows[i]] = in[src->is_const ? 0 : i];                                              \
    } while (0)

typedef struct Bytes16 {
    uint64_t a;
    uint64_t b;
} Bytes16;

void exec__scatter(Column *ret, const Column *src, const uint32_t *rows, uint32_t count)
{
    uint8_t *validity = column_validity(ret);
    for (uint32_t i = 0; i < count; i++)
        bit_put(validity, rows[i], !column_is_null(src, i));
    switch (type_layout(ret->type)) {
    case LAYOUT_BIT:
        for (uint32_t i = 0; i < count; i++)
            bit_put(column_values(ret), rows[i], column_bool(src, i));
        break;
    case LAYOUT_INT8:
        SCATTER_LOOP(uint8_t);
        break;
    case LAYOUT_INT16:
        SCATTER_LOOP(uint16_t);
        break;
    case LAYOUT_INT32:
    case LAYOUT_FLOAT:
        SCATTER_LOOP(uint32_t);
        break;
    case LAYOUT_INT64:
    case LAYOUT_DOUBLE:
        SCATTER_LOOP(uint64_t);
        break;
    case LAYOUT_FIXED16:
    case LAYOUT_VIEW:
        SCATTER_LOOP(Bytes16);
        break;
    }
}

uint32_t expr_true_rows(const Column *c, uint32_t rows, uint32_t *rows_out)
{
    uint32_t count = 0;
    if (c->is_const) {
        if (!rows || column_is_null(c, 0) || !bit_get(c->values, 0))
            return 0;
        for (uint32_t i = 0; i < rows; i++)
            rows_out[i] = i;
        return rows;
    }
    const uint8_t *bits = c->values;
    const uint8_t *validity = c->validity;
    for (uint32_t from = 0; from < rows; from += 64) {
        uint64_t word = 0;
        uint64_t valid = UINT64_MAX;
        size_t bytes = bitmap_bytes(LUMA_MIN(rows - from, 64u));
        memcpy(&word, bits + from / 8, bytes);
        if (validity)
            memcpy(&valid, validity + from / 8, bytes);
        word &= valid;
        if (rows - from < 64)
            word &= (UINT64_C(1) << (rows - from)) - 1;
        while (word) {
            rows_out[count++] = from + (uint32_t)__builtin_ctzll(word);
            word &= word - 1;
        }
    }
    return count;
}

typedef struct LocalCheck {
    bool local;
} LocalCheck;

static bool check_local(Expr *expr, void *ctx)
{
    if (expr->kind == EXPR_SUBQUERY && !expr->once)
        ((LocalCheck *)ctx)->local = true;
    return !((LocalCheck *)ctx)->local;
}

bool expr_is_local(const Expr *expr)
{
    LocalCheck check = {false};
    Expr *walkable = (Expr *)(uintptr_t)expr; /* check_local only reads */
    (void)expr_walk(walkable, check_local, &check);
    return check.local;
}

/* ---------------------------------------------------------------- leaves */

static Status eval_column(const Expr *expr, const RecordBatch *left, const RecordBatch *right,
                          uint32_t rows, Column *ret, Error *err)
{
    const RecordBatch *batch = expr->input ? right : left;
    if (!batch || expr->column >= batch->column_count)
        return error_set(err, STATUS_INTERNAL, "expression reads column %u.%u, which is not there",
                         expr->input, expr->column);
    *ret = batch->columns[expr->column];
    ret->len = rows;
    return STATUS_OK;
}

/* One row of a column as a constant for `rows` rows. */
static Status constant_of(ExprEval *ev, const Column *c, uint32_t row, uint32_t rows, Column *ret,
                          Error *err)
{
    Column plain = *c;
    if (c->is_const) {
        TRY(column_flatten(&(Column){.type = c->type,
                                     .len = 1,
                                     .validity = c->validity,
                                     .values = c->values,
                                     .dict = c->dict},
                           ev->ctx.arena, &plain, err));
    } else {
        Column one;
        TRY(column_take(c, &row, 1, ev->ctx.arena, &one, err));
        TRY(column_flatten(&one, ev->ctx.arena, &plain, err));
    }
    *ret = plain;
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

static Status eval_outer(ExprEval *ev, const Expr *expr, uint32_t rows, Column *ret, Error *err)
{
    const OuterFrame *frame = ev->outer;
    for (uint32_t d = 1; frame && d < expr->depth; d++)
        frame = frame->up;
    uint32_t column = expr->column;
    for (int i = 0; frame && i < 2; i++) {
        const RecordBatch *input = frame->inputs[i];
        if (!input)
            continue;
        if (column < input->column_count)
            return constant_of(ev, &input->columns[column], frame->row, rows, ret, err);
        column -= input->column_count;
    }
    return error_set(err, STATUS_INTERNAL, "outer column %u.%u is not there", expr->depth,
                     expr->column);
}

/* ---------------------------------------------------------------- calls */

typedef struct Kernel {
    FuncKernel fn;
    bool strict;
    bool dictionary; /* may run once per dictionary entry */
} Kernel;

/* The only argument with many values is a dictionary column: its index, or -1. */
static int dictionary_arg(const Column *args, uint32_t arg_count, uint32_t rows)
{
    int found = -1;
    for (uint32_t i = 0; i < arg_count; i++) {
        if (args[i].is_const && !args[i].dict)
            continue;
        if (!args[i].dict || args[i].is_const || found >= 0)
            return -1;
        found = (int)i;
    }
    return found >= 0 && args[found].dict->len && args[found].dict->len <= rows ? found : -1;
}

static Status spread_bits(ExprEval *ev, const Column *src, const Column *per_entry, uint32_t rows,
                          Column *ret, Error *err)
{
    const uint32_t *codes = src->values;
    Type type = ret->type;
    TRY(column_init(ret, ev->ctx.arena, type, rows, per_entry->validity || src->validity, err));
    for (uint32_t i = 0; i < rows; i++) {
        if (column_is_null(src, i) || column_is_null(per_entry, codes[i])) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        bit_put(column_values(ret), i, column_bool(per_entry, codes[i]));
    }
    return STATUS_OK;
}

/* The result of a function per entry, as a dictionary column over the same codes. */
static Status spread_values(ExprEval *ev, const Column *src, const Column *per_entry, uint32_t rows,
                            Column *ret, Error *err)
{
    const uint32_t *codes = src->values;
    Column *dict = arena_alloc(ev->ctx.arena, sizeof *dict);
    if (!dict)
        return no_memory(err);
    *dict = *per_entry;
    dict->validity = NULL;
    *ret = *src;
    ret->type = per_entry->type;
    ret->dict = dict;
    ret->len = rows;
    if (!per_entry->validity)
        return STATUS_OK;
    ret->validity = NULL;
    TRY(column_need_validity(ret, ev->ctx.arena, err));
    for (uint32_t i = 0; i < rows; i++)
        if (column_is_null(src, i) || column_is_null(per_entry, codes[i]))
            bit_clear(column_validity(ret), i);
    return STATUS_OK;
}

/* False in *ret_done when an entry fails: the row that has it may not be among ours. */
static Status call_per_entry(ExprEval *ev, Kernel kernel, const Column *args, uint32_t arg_count,
                             int which, uint32_t rows, Column *ret, bool *ret_done, Error *err)
{
    Column entry_args[FUNC_ARGS_MAX + 8];
    const Column *src = &args[which];
    uint32_t entries = src->dict->len;
    Column per_entry = {.type = ret->type};

    *ret_done = false;
    if (arg_count > LUMA_ARRAY_LEN(entry_args))
        return STATUS_OK;
    for (uint32_t i = 0; i < arg_count; i++) {
        entry_args[i] = (int)i == which ? *src->dict : args[i];
        entry_args[i].len = entries;
        if ((int)i == which)
            entry_args[i].type = src->type;
    }
    Status status = kernel.fn(&ev->ctx, entry_args, arg_count, entries, &per_entry, NULL);
    if (status == STATUS_LIMIT)
        return no_memory(err);
    if (status != STATUS_OK)
        return STATUS_OK;
    *ret_done = true;
    if (per_entry.dict || per_entry.is_const) {
        Column flat;
        TRY(column_flatten(&per_entry, ev->ctx.arena, &flat, err));
        per_entry = flat;
    }
    return type_layout(ret->type) == LAYOUT_BIT
               ? spread_bits(ev, src, &per_entry, rows, ret, err)
               : spread_values(ev, src, &per_entry, rows, ret, err);
}

static Status call_kernel(ExprEval *ev, Kernel kernel, Column *args, uint32_t arg_count,
                          uint32_t rows, Type type, Column *ret, Error *err)
{
    *ret = (Column){.type = type};
    int which = kernel.dictionary && kernel.strict ? dictionary_arg(args, arg_count, rows) : -1;
    if (which >= 0) {
        bool done;
        TRY(call_per_entry(ev, kernel, args, arg_count, which, rows, ret, &done, err));
        if (done)
            return STATUS_OK;
        *ret = (Column){.type = type};
    }
    for (uint32_t i = 0; i < arg_count; i++) {
        if (!args[i].dict)
            continue;
        Column flat;
        if (args[i].is_const)
            TRY(constant_of(ev, &args[i], 0, rows, &flat, err));
        else
            TRY(column_flatten(&args[i], ev->ctx.arena, &flat, err));
        args[i] = flat;
    }
    TRY(kernel.fn(&ev->ctx, args, arg_count, rows, ret, err));
    ret->type = type;
    ret->len = rows;
    return STATUS_OK;
}

static Status eval_args(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                        const RecordBatch *right, uint32_t rows, Column **ret_args, Error *err)
{
    TRY(exec__columns(ev->ctx.arena, expr->arg_count, ret_args, err));
    for (uint32_t i = 0; i < expr->arg_count; i++)
        TRY(expr_eval(ev, expr->args[i], left, right, rows, &(*ret_args)[i], err));
    return STATUS_OK;
}

static Kernel function_kernel(const Function *f)
{
    return (Kernel){f->kernel, f->strict, f->volatility != VOLATILITY_VOLATILE};
}

/* f(VARIADIC array): each row has a number of arguments of its own. */
static Status call_spread(ExprEval *ev, const Expr *expr, const Column *args, uint32_t rows,
                          Column *ret, Error *err)
{
    uint32_t fixed = expr->arg_count - 1;
    TRY(column_init(ret, ev->ctx.arena, expr->type, rows, true, err));
    for (uint32_t row = 0; row < rows; row++) {
        Column elements;
        Column *all;
        Column one;
        PgArray array = {0};
        if (column_is_null(&args[fixed], row)) {
            bit_clear(column_validity(ret), row);
            continue;
        }
        array = pgarray_open(args[fixed].type, column_str(&args[fixed], row));
        TRY(exec__columns(ev->ctx.arena, fixed + array.count + 1, &all, err));
        for (uint32_t i = 0; i < fixed; i++)
            TRY(constant_of(ev, &args[i], row, 1, &all[i], err));
        TRY(pgarray_elements(&array, ev->ctx.arena, &elements, err));
        for (uint32_t i = 0; i < array.count; i++)
            TRY(constant_of(ev, &elements, i, 1, &all[fixed + i], err));
        one = (Column){.type = expr->type};
        TRY(expr->function->kernel(&ev->ctx, all, fixed + array.count, 1, &one, err));
        exec__scatter(ret, &one, &row, 1);
    }
    return STATUS_OK;
}

static Status eval_call(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                        const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column *args;
    TRY(eval_args(ev, expr, left, right, rows, &args, err));
    if (expr->spread) {
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            Column flat;
            if (!args[i].dict)
                continue;
            TRY(column_flatten(&args[i], ev->ctx.arena, &flat, err));
            args[i] = flat;
        }
        return call_spread(ev, expr, args, rows, ret, err);
    }
    return call_kernel(ev, function_kernel(expr->function), args, expr->arg_count, rows, expr->type,
                       ret, err);
}

static Status eval_cast(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                        const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column arg;
    Column cast;
    TRY(expr_eval(ev, expr->args[0], left, right, rows, &arg, err));
    if (!expr->cast || expr->cast->binary) {
        cast = arg;
        cast.type = expr->type;
    } else {
        TRY(call_kernel(ev, (Kernel){expr->cast->kernel, true, true}, &arg, 1, rows, expr->type,
                        &cast, err));
    }
    if (expr->type.typmod < 0) {
        *ret = cast;
        return STATUS_OK;
    }
    *ret = (Column){.type = expr->type};
    return func_apply_typmod(&ev->ctx, &cast, rows, !expr->assignment, ret, err);
}

/* ---------------------------------------------------------------- lazy branches */

/* Could evaluation raise an error? Columns, constants, comparisons and logic cannot. */
static bool can_fail(const Expr *expr)
{
    switch (expr->kind) {
    case EXPR_CONST:
    case EXPR_COLUMN:
    case EXPR_OUTER:
    case EXPR_PARAM:
        return false;
    case EXPR_CALL:
        if (!expr->function->is_operator || expr->type.id != TYPE_BOOL || expr->type.is_array ||
            !strchr("<>=", expr->function->name[0]))
            return true;
        break;
    case EXPR_CAST:
        if (expr->cast && !expr->cast->binary)
            return true;
        break;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
    case EXPR_DISTINCT:
    case EXPR_IN:
    case EXPR_COALESCE:
    case EXPR_CASE:
        break;
    default:
        return true;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (can_fail(expr->args[i]))
            return true;
    return false;
}

typedef struct ColumnUse {
    ExprEval *ev;
    const RecordBatch *inputs[2];
    RecordBatch *picked;
    const uint32_t *rows;
    uint32_t count;
    bool all; /* a subquery may read any column */
    Status status;
    Error *err;
} ColumnUse;

static bool pick_column(Expr *expr, void *ctx)
{
    ColumnUse *use = ctx;
    if (expr->kind == EXPR_SUBQUERY)
        use->all = true;
    if (expr->kind != EXPR_COLUMN || expr->input > 1 || !use->inputs[expr->input])
        return true;
    Column *to = &use->picked[expr->input].columns[expr->column];
    if (to->len)
        return true;
    use->status = column_take(&use->inputs[expr->input]->columns[expr->column], use->rows,
                              use->count, use->ev->ctx.arena, to, use->err);
    return use->status == STATUS_OK;
}

/* Evaluates over some of the rows: only the columns that the expression reads are gathered. */
static Status eval_rows(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                        const RecordBatch *right, const uint32_t *rows, uint32_t count, Column *ret,
                        Error *err)
{
    RecordBatch picked[2] = {{0}, {0}};
    ColumnUse use = {.ev = ev,
                     .inputs = {left, right},
                     .picked = picked,
                     .rows = rows,
                     .count = count,
                     .err = err};
    for (int i = 0; i < 2; i++) {
        if (!use.inputs[i])
            continue;
        picked[i] = *use.inputs[i];
        picked[i].row_count = count;
        TRY(exec__columns(ev->ctx.arena, picked[i].column_count, &picked[i].columns, err));
        memset(picked[i].columns, 0, sizeof(Column) * picked[i].column_count);
    }
    Expr *walkable = (Expr *)(uintptr_t)expr; /* pick_column only reads */
    if (!expr_walk(walkable, pick_column, &use))
        return use.status;
    for (int i = 0; i < 2 && use.all; i++)
        if (use.inputs[i])
            TRY(batch_take(use.inputs[i], rows, count, ev->ctx.arena, &picked[i], err));
    return expr_eval_plain(ev, expr, left ? &picked[0] : NULL, right ? &picked[1] : NULL, count,
                           ret, err);
}

/* ---------------------------------------------------------------- logic */

/* Kleene's AND/OR of arg into acc. For OR both are read inverted: a OR b = NOT(NOT a AND NOT b). */
static void combine_logic(Column *acc, const Column *arg, uint32_t rows, bool is_or)
{
    uint8_t *values = column_values(acc);
    uint8_t *validity = column_validity(acc);
    uint8_t flip = is_or ? 0xFF : 0;
    if (arg->is_const) {
        bool null = column_is_null(arg, 0);
        bool value = !null && (bit_get(arg->values, 0) != is_or);
        for (size_t b = 0; b < bitmap_bytes(rows); b++) {
            uint8_t t = (uint8_t)((values[b] ^ flip) & validity[b]);
            uint8_t f = (uint8_t)(~(values[b] ^ flip) & validity[b]);
            uint8_t at = null ? 0 : value ? 0xFF : 0;
            uint8_t af = null ? 0 : value ? 0 : 0xFF;
            t &= at;
            f |= af;
            values[b] = (uint8_t)(t ^ flip);
            validity[b] = t | f;
        }
        return;
    }
    const uint8_t *in = arg->values;
    for (size_t b = 0; b < bitmap_bytes(rows); b++) {
        uint8_t in_valid = arg->validity ? arg->validity[b] : 0xFF;
        uint8_t t = (uint8_t)((values[b] ^ flip) & validity[b]);
        uint8_t f = (uint8_t)(~(values[b] ^ flip) & validity[b]);
        t &= (uint8_t)((in[b] ^ flip) & in_valid);
        f |= (uint8_t)(~(in[b] ^ flip) & in_valid);
        values[b] = (uint8_t)(t ^ flip);
        validity[b] = t | f;
    }
}

/* Rows whose result is still open: for AND those that are not false, for OR those not true. */
static uint32_t open_rows(const Column *acc, uint32_t rows, bool is_or, uint32_t *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows; i++)
        if (!bit_get(acc->validity, i) || bit_get(acc->values, i) != is_or)
            out[count++] = i;
    return count;
}

static Status eval_logic(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                         const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    bool is_or = expr->kind == EXPR_OR;
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), rows, true, err));
    memset(column_values(ret), is_or ? 0 : 0xFF, bitmap_bytes(rows));
    for (uint32_t a = 0; a < expr->arg_count; a++) {
        Column arg;
        if (a == 0 || !can_fail(expr->args[a])) {
            TRY(expr_eval_plain(ev, expr->args[a], left, right, rows, &arg, err));
            combine_logic(ret, &arg, rows, is_or);
            continue;
        }
        uint32_t *open;
        TRY(new_rows(ev, rows, &open, err));
        uint32_t count = open_rows(ret, rows, is_or, open);
        if (!count)
            return STATUS_OK;
        if (count == rows) {
            TRY(expr_eval_plain(ev, expr->args[a], left, right, rows, &arg, err));
            combine_logic(ret, &arg, rows, is_or);
            continue;
        }
        Column some;
        TRY(eval_rows(ev, expr->args[a], left, right, open, count, &some, err));
        TRY(column_init(&arg, ev->ctx.arena, TYPE_OF(BOOL), rows, true, err));
        memset(column_values(&arg), is_or ? 0 : 0xFF, bitmap_bytes(rows)); /* neutral */
        exec__scatter(&arg, &some, open, count);
        combine_logic(ret, &arg, rows, is_or);
    }
    return STATUS_OK;
}

static Status eval_not(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                       const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column arg;
    TRY(expr_eval_plain(ev, expr->args[0], left, right, rows, &arg, err));
    uint32_t slots = arg.is_const ? 1 : rows;
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), slots, false, err));
    const uint8_t *in = arg.values;
    for (size_t b = 0; b < bitmap_bytes(slots); b++)
        ((uint8_t *)column_values(ret))[b] = (uint8_t)~in[b];
    ret->validity = arg.validity;
    ret->is_const = arg.is_const;
    ret->len = rows;
    return STATUS_OK;
}

static Status eval_is_null(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                           const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column arg;
    TRY(expr_eval(ev, expr->args[0], left, right, rows, &arg, err));
    bool constant = arg.is_const || !arg.validity;
    uint32_t slots = constant ? 1 : rows;
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), slots, false, err));
    ret->is_const = constant;
    ret->len = rows;
    if (constant) {
        bit_put(column_values(ret), 0, (rows && column_is_null(&arg, 0)) != expr->negated);
        return STATUS_OK;
    }
    uint8_t *out = column_values(ret);
    for (size_t b = 0; b < bitmap_bytes(rows); b++)
        out[b] = expr->negated ? arg.validity[b] : (uint8_t)~arg.validity[b];
    return STATUS_OK;
}

static Status eval_bool_test(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                             const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column arg;
    TRY(expr_eval_plain(ev, expr->args[0], left, right, rows, &arg, err));
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), rows, false, err));
    for (uint32_t i = 0; i < rows; i++) {
        bool null = column_is_null(&arg, i);
        bool value = !null && column_bool(&arg, i);
        bool holds = expr->test == BOOL_TEST_UNKNOWN ? null
                     : expr->test == BOOL_TEST_TRUE  ? value
                                                     : !null && !value;
        bit_put(column_values(ret), i, holds != expr->negated);
    }
    return STATUS_OK;
}

static Status eval_distinct(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                            const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column *args;
    Column equal;
    TRY(eval_args(ev, expr, left, right, rows, &args, err));
    Column copies[2] = {args[0], args[1]};
    TRY(call_kernel(ev, function_kernel(expr->function), copies, 2, rows, TYPE_OF(BOOL), &equal,
                    err));
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), rows, false, err));
    for (uint32_t i = 0; i < rows; i++) {
        bool a_null = column_is_null(&args[0], i);
        bool b_null = column_is_null(&args[1], i);
        bool same = a_null || b_null ? a_null && b_null : column_bool(&equal, i);
        bit_put(column_values(ret), i, same == expr->negated);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- CASE and its kin */

/* Rows [0, rows) not yet decided. */
typedef struct Remaining {
    uint32_t *rows;
    uint32_t count;
} Remaining;

static Status all_remaining(ExprEval *ev, uint32_t rows, Remaining *ret, Error *err)
{
    TRY(new_rows(ev, rows, &ret->rows, err));
    ret->count = rows;
    for (uint32_t i = 0; i < rows; i++)
        ret->rows[i] = i;
    return STATUS_OK;
}

static Status eval_case(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                        const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Remaining rest;
    TRY(column_init(ret, ev->ctx.arena, expr->type, rows, true, err));
    TRY(all_remaining(ev, rows, &rest, err));
    for (uint32_t a = 0; a + 1 < expr->arg_count && rest.count; a += 2) {
        Column when;
        Column then;
        uint32_t *hit;
        TRY(eval_rows(ev, expr->args[a], left, right, rest.rows, rest.count, &when, err));
        TRY(new_rows(ev, rest.count, &hit, err));
        uint32_t hit_count = expr_true_rows(&when, rest.count, hit);
        if (!hit_count)
            continue;
        uint32_t kept = 0;
        for (uint32_t i = 0, h = 0; i < rest.count; i++) {
            if (h < hit_count && hit[h] == i)
                hit[h++] = rest.rows[i];
            else
                rest.rows[kept++] = rest.rows[i];
        }
        rest.count = kept;
        TRY(eval_rows(ev, expr->args[a + 1], left, right, hit, hit_count, &then, err));
        exec__scatter(ret, &then, hit, hit_count);
    }
    if (!rest.count)
        return STATUS_OK;
    Column other;
    TRY(eval_rows(ev, expr->args[expr->arg_count - 1], left, right, rest.rows, rest.count, &other,
                  err));
    exec__scatter(ret, &other, rest.rows, rest.count);
    return STATUS_OK;
}

static Status eval_coalesce(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                            const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Remaining rest;
    Column first;
    TRY(expr_eval(ev, expr->args[0], left, right, rows, &first, err));
    if (!first.validity || expr->arg_count == 1) {
        *ret = first;
        return STATUS_OK;
    }
    TRY(column_init(ret, ev->ctx.arena, expr->type, rows, true, err));
    TRY(all_remaining(ev, rows, &rest, err));
    for (uint32_t a = 0; a < expr->arg_count && rest.count; a++) {
        Column value;
        TRY(eval_rows(ev, expr->args[a], left, right, rest.rows, rest.count, &value, err));
        exec__scatter(ret, &value, rest.rows, rest.count);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < rest.count; i++)
            if (column_is_null(&value, i))
                rest.rows[kept++] = rest.rows[i];
        rest.count = kept;
    }
    return STATUS_OK;
}

/* GREATEST and LEAST ignore NULLs. */
static Status eval_extreme(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                           const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    ValueCmp cmp = value_cmp_fn(expr->type);
    int sign = expr->kind == EXPR_GREATEST ? 1 : -1;
    Remaining all;
    TRY(all_remaining(ev, rows, &all, err));
    TRY(column_init(ret, ev->ctx.arena, expr->type, rows, true, err));
    for (uint32_t a = 0; a < expr->arg_count; a++) {
        Column arg;
        TRY(expr_eval_plain(ev, expr->args[a], left, right, rows, &arg, err));
        if (a == 0) {
            exec__scatter(ret, &arg, all.rows, rows);
            continue;
        }
        for (uint32_t i = 0; i < rows; i++) {
            if (column_is_null(&arg, i))
                continue;
            if (!column_is_null(ret, i) && cmp(&arg, i, ret, i) * sign <= 0)
                continue;
            Column one;
            TRY(column_take(&arg, &i, 1, ev->ctx.arena, &one, err));
            exec__scatter(ret, &one, &i, 1);
        }
    }
    return STATUS_OK;
}

static Status eval_nullif(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                          const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column *args;
    Column equal;
    TRY(eval_args(ev, expr, left, right, rows, &args, err));
    Column first;
    Column copies[2] = {args[0], args[1]};
    TRY(call_kernel(ev, function_kernel(expr->function), copies, 2, rows, TYPE_OF(BOOL), &equal,
                    err));
    TRY(column_flatten(&args[0], ev->ctx.arena, &first, err));
    *ret = first;
    ret->validity = NULL;
    TRY(column_need_validity(ret, ev->ctx.arena, err));
    for (uint32_t i = 0; i < rows; i++)
        if (column_is_null(&first, i) || (!column_is_null(&equal, i) && column_bool(&equal, i)))
            bit_clear(column_validity(ret), i);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- IN, ANY, ALL */

enum { IN_HASH_MIN = 8 };

/* Constant members of a list, hashed; made once per operator. */
typedef struct InSet {
    Column members;  /* plain, no NULLs */
    uint32_t *slots; /* member index + 1; 0 = empty */
    uint32_t mask;
    bool has_null;
} InSet;

static Status in_set_fill(InSet *set, Arena *arena, Error *err)
{
    uint32_t slots = 16;
    while (slots < set->members.len * 2)
        slots *= 2;
    TRY(arena_try_alloc(arena, sizeof(uint32_t) * slots, &set->slots, err));
    memset(set->slots, 0, sizeof(uint32_t) * slots);
    set->mask = slots - 1;
    ValueHash hash = value_hash_fn(set->members.type);
    for (uint32_t i = 0; i < set->members.len; i++) {
        uint32_t at = (uint32_t)hash(&set->members, i) & set->mask;
        while (set->slots[at])
            at = (at + 1) & set->mask;
        set->slots[at] = i + 1;
    }
    return STATUS_OK;
}

/* Collects non-NULL members out of `elements` (plain). */
static Status in_set_new(ExprEval *ev, const Column *elements, InSet **ret, Error *err)
{
    InSet *set = ARENA_NEW(ev->lasting, InSet);
    if (!set)
        return no_memory(err);
    uint32_t *rows;
    TRY(new_rows(ev, elements->len, &rows, err));
    uint32_t count = 0;
    for (uint32_t i = 0; i < elements->len; i++) {
        if (column_is_null(elements, i))
            set->has_null = true;
        else
            rows[count++] = i;
    }
    Column picked;
    TRY(column_take(elements, rows, count, ev->ctx.arena, &picked, err));
    TRY(column_copy(&picked, ev->lasting, &set->members, err));
    set->members.validity = NULL;
    TRY(in_set_fill(set, ev->lasting, err));
    *ret = set;
    return STATUS_OK;
}

static bool in_set_has(const InSet *set, const Column *c, uint32_t i, ValueHash hash, ValueEq eq)
{
    for (uint32_t at = (uint32_t)hash(c, i) & set->mask; set->slots[at]; at = (at + 1) & set->mask)
        if (eq(&set->members, set->slots[at] - 1, c, i))
            return true;
    return false;
}

static Status in_set_test(ExprEval *ev, const InSet *set, const Column *arg, uint32_t rows,
                          bool negated, Column *ret, Error *err)
{
    ValueHash hash = value_hash_fn(arg->type);
    ValueEq eq = value_eq_fn(arg->type);
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), rows, arg->validity || set->has_null, err));
    bool *per_code = NULL;
    if (arg->dict && !arg->is_const && arg->dict->len <= rows) {
        TRY(arena_try_alloc(ev->ctx.arena, arg->dict->len + 1, &per_code, err));
        for (uint32_t i = 0; i < arg->dict->len; i++)
            per_code[i] = in_set_has(set, arg->dict, i, hash, eq);
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (column_is_null(arg, i) && (set->members.len || set->has_null)) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        if (!set->members.len) { /* nothing is in an empty list, NULL neither */
            if (set->has_null)
                bit_clear(column_validity(ret), i);
            bit_put(column_values(ret), i, negated);
            continue;
        }
        bool has = per_code ? per_code[((const uint32_t *)arg->values)[i]]
                            : in_set_has(set, arg, i, hash, eq);
        if (!has && set->has_null)
            bit_clear(column_validity(ret), i);
        bit_put(column_values(ret), i, has != negated);
    }
    return STATUS_OK;
}

/* "=" of one type with itself, so that hashing decides it. */
static bool hashable_equality(const Expr *expr, Type element)
{
    const Function *f = expr->function;
    return strcmp(f->name, "=") == 0 && type_eq(expr->args[0]->type, element) &&
           (type_eq(f->args[0], f->args[1]));
}

static Status const_members(ExprEval *ev, const Expr *expr, Column *ret, Error *err)
{
    uint32_t count = expr->arg_count - 1;
    TRY(column_init(ret, ev->ctx.arena, expr->args[1]->type, count, true, err));
    for (uint32_t i = 0; i < count; i++)
        exec__scatter(ret, &expr->args[1 + i]->value, &i, 1);
    return STATUS_OK;
}

static Status eval_in(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                      const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    bool constant = expr->arg_count > IN_HASH_MIN;
    for (uint32_t i = 1; i < expr->arg_count && constant; i++)
        constant = expr_is_const(expr->args[i]) && !expr->args[i]->value.dict &&
                   type_eq(expr->args[i]->type, expr->args[1]->type);
    Column arg;
    TRY(expr_eval(ev, expr->args[0], left, right, rows, &arg, err));
    if (constant && hashable_equality(expr, expr->args[1]->type)) {
        InSet **set = (InSet **)expr_cache(ev, expr);
        if (!*set) {
            Column members;
            TRY(const_members(ev, expr, &members, err));
            TRY(in_set_new(ev, &members, set, err));
        }
        return in_set_test(ev, *set, &arg, rows, expr->negated, ret, err);
    }
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), rows, true, err));
    for (uint32_t i = 1; i < expr->arg_count; i++) {
        Column pair[2] = {arg};
        Column equal;
        Column flat;
        TRY(expr_eval(ev, expr->args[i], left, right, rows, &pair[1], err));
        TRY(call_kernel(ev, function_kernel(expr->function), pair, 2, rows, TYPE_OF(BOOL), &equal,
                        err));
        TRY(column_flatten(&equal, ev->ctx.arena, &flat, err));
        combine_logic(ret, equal.is_const ? &equal : &flat, rows, true);
    }
    if (expr->negated) {
        uint8_t *bits = column_values(ret);
        for (size_t b = 0; b < bitmap_bytes(rows); b++)
            bits[b] = (uint8_t)~bits[b];
    }
    return STATUS_OK;
}

/* One row against the elements of its array. */
static Status any_row(ExprEval *ev, const Expr *expr, const Column *arg, const Column *array,
                      uint32_t row, Column *ret, Error *err)
{
    Column elements;
    Column equal;
    Column pair[2];
    PgArray open = pgarray_open(array->type, column_str(array, row));
    TRY(pgarray_elements(&open, ev->ctx.arena, &elements, err));
    TRY(constant_of(ev, arg, row, open.count, &pair[0], err));
    pair[1] = elements;
    bool decided = false;
    bool unknown = false;
    if (open.count) {
        TRY(call_kernel(ev, function_kernel(expr->function), pair, 2, open.count, TYPE_OF(BOOL),
                        &equal, err));
        for (uint32_t k = 0; k < open.count && !decided; k++) {
            if (column_is_null(&equal, k))
                unknown = true;
            else
                decided = column_bool(&equal, k) != expr->all;
        }
    }
    if (!decided && unknown)
        bit_clear(column_validity(ret), row);
    bit_put(column_values(ret), row, decided != expr->all);
    return STATUS_OK;
}

static Status eval_any(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                       const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column arg;
    Column array;
    TRY(expr_eval(ev, expr->args[0], left, right, rows, &arg, err));
    TRY(expr_eval_plain(ev, expr->args[1], left, right, rows, &array, err));
    bool stable = expr_is_const(expr->args[1]) || expr->args[1]->kind == EXPR_PARAM;
    if (stable && rows && !column_is_null(&array, 0) && !expr->all &&
        hashable_equality(expr, type_element(array.type))) {
        InSet **set = (InSet **)expr_cache(ev, expr);
        if (!*set) {
            Column elements;
            PgArray open = pgarray_open(array.type, column_str(&array, 0));
            TRY(pgarray_elements(&open, ev->ctx.arena, &elements, err));
            TRY(in_set_new(ev, &elements, set, err));
        }
        return in_set_test(ev, *set, &arg, rows, false, ret, err);
    }
    TRY(column_init(ret, ev->ctx.arena, TYPE_OF(BOOL), rows, true, err));
    for (uint32_t i = 0; i < rows; i++) {
        if (column_is_null(&array, i)) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        TRY(any_row(ev, expr, &arg, &array, i, ret, err));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- arrays and rows */

/* ARRAY[a, b]: scalars make one dimension, arrays of equal shape one dimension more. */
static Status array_of_scalars(ExprEval *ev, const Expr *expr, const Column *args, uint32_t row,
                               View *out, Error *err)
{
    Column elements;
    TRY(column_init(&elements, ev->ctx.arena, type_element(expr->type), expr->arg_count, true,
                    err));
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        Column one = args[i];
        if (!one.is_const)
            TRY(column_take(&args[i], &row, 1, ev->ctx.arena, &one, err));
        exec__scatter(&elements, &one, &i, 1);
    }
    return pgarray_make(expr->type, &elements, 0, expr->arg_count, ev->ctx.arena, out, err);
}

static Status array_of_arrays(ExprEval *ev, const Expr *expr, const Column *args, uint32_t row,
                              View *out, Error *err)
{
    int32_t lengths[PGARRAY_DIMS_MAX + 1] = {(int32_t)expr->arg_count};
    int32_t lowers[PGARRAY_DIMS_MAX + 1] = {1};
    uint32_t dims = 0;
    uint32_t each = 0;
    Column all = {0};
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        Column part;
        PgArray array = {0};
        if (!column_is_null(&args[i], row))
            array = pgarray_open(args[i].type, column_str(&args[i], row));
        if (i == 0) {
            dims = array.dim_count + 1;
            each = array.count;
            for (uint32_t d = 0; d < array.dim_count && d < PGARRAY_DIMS_MAX; d++) {
                lengths[d + 1] = array.lengths[d];
                lowers[d + 1] = array.lowers[d];
            }
            TRY(column_init(&all, ev->ctx.arena, type_element(expr->type), each * expr->arg_count,
                            true, err));
        }
        bool same = array.count == each && array.dim_count + 1 == dims;
        for (uint32_t d = 0; d < array.dim_count && same; d++)
            same = array.lengths[d] == lengths[d + 1];
        if (!same || dims > PGARRAY_DIMS_MAX)
            return error_set_sql(err, STATUS_INVALID, "2202E", 0,
                                 "multidimensional arrays must have array expressions with "
                                 "matching dimensions");
        if (!each)
            continue;
        uint32_t *rows;
        TRY(pgarray_elements(&array, ev->ctx.arena, &part, err));
        TRY(new_rows(ev, each, &rows, err));
        for (uint32_t k = 0; k < each; k++)
            rows[k] = i * each + k;
        exec__scatter(&all, &part, rows, each);
    }
    return pgarray_make_dims(expr->type, &all, 0, each * expr->arg_count, each ? dims : 0, lengths,
                             lowers, ev->ctx.arena, out, err);
}

static Status eval_array(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                         const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column *args;
    TRY(exec__columns(ev->ctx.arena, expr->arg_count, &args, err));
    bool constant = true;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        TRY(expr_eval_plain(ev, expr->args[i], left, right, rows, &args[i], err));
        constant &= args[i].is_const;
    }
    bool nested = expr->arg_count && expr->args[0]->type.is_array;
    uint32_t slots = constant ? 1 : rows;
    TRY(column_init(ret, ev->ctx.arena, expr->type, slots, false, err));
    ret->is_const = constant;
    ret->len = rows;
    for (uint32_t i = 0; i < LUMA_MIN(slots, rows); i++) {
        View *out = (View *)column_values(ret) + i;
        TRY(nested ? array_of_arrays(ev, expr, args, i, out, err)
                   : array_of_scalars(ev, expr, args, i, out, err));
    }
    return STATUS_OK;
}

/* Element of one array by subscripts; false = NULL (out of bounds, NULL element). */
static bool find_element(const PgArray *array, const int64_t *subscripts, uint32_t count,
                         uint32_t *ret_idx)
{
    uint32_t idx = 0;
    if (count != array->dim_count || !count)
        return false;
    for (uint32_t d = 0; d < count; d++) {
        int64_t at = subscripts[d] - array->lowers[d];
        if (at < 0 || at >= array->lengths[d])
            return false;
        idx = idx * (uint32_t)array->lengths[d] + (uint32_t)at;
    }
    *ret_idx = idx;
    return !pgarray_is_null(array, idx);
}

static Status slice_array(ExprEval *ev, const Expr *expr, const PgArray *array, int64_t from,
                          int64_t to, View *out, Error *err)
{
    Column elements;
    if (array->dim_count == 0)
        return pgarray_make_dims(expr->type, &(Column){.type = array->element}, 0, 0, 0, NULL, NULL,
                                 ev->ctx.arena, out, err);
    int32_t lower = array->lowers[0];
    int64_t first = LUMA_MAX(from, (int64_t)lower);
    int64_t last = LUMA_MIN(to, (int64_t)lower + array->lengths[0] - 1);
    uint32_t stride = array->count / (uint32_t)LUMA_MAX(array->lengths[0], 1);
    TRY(pgarray_elements(array, ev->ctx.arena, &elements, err));
    if (first > last)
        return pgarray_make_dims(expr->type, &elements, 0, 0, 0, NULL, NULL, ev->ctx.arena, out,
                                 err);
    int32_t lengths[PGARRAY_DIMS_MAX];
    int32_t lowers[PGARRAY_DIMS_MAX];
    for (uint32_t d = 0; d < array->dim_count; d++) {
        lengths[d] = d ? array->lengths[d] : (int32_t)(last - first + 1);
        lowers[d] = 1;
    }
    return pgarray_make_dims(expr->type, &elements, (uint32_t)(first - lower) * stride,
                             (uint32_t)(last - first + 1) * stride, array->dim_count, lengths,
                             lowers, ev->ctx.arena, out, err);
}

static Status subscript_row(ExprEval *ev, const Expr *expr, const Column *args, uint32_t row,
                            Column *ret, Error *err)
{
    PgArray array = pgarray_open(args[0].type, column_str(&args[0], row));
    int64_t subscripts[PGARRAY_DIMS_MAX] = {0};
    uint32_t idx;
    for (uint32_t i = 1; i < expr->arg_count && i <= PGARRAY_DIMS_MAX; i++)
        subscripts[i - 1] = column_i64(&args[i], row);
    if (expr->slice)
        return slice_array(ev, expr, &array, subscripts[0], subscripts[1],
                           (View *)column_values(ret) + row, err);
    if (!find_element(&array, subscripts, expr->arg_count - 1, &idx)) {
        bit_clear(column_validity(ret), row);
        return STATUS_OK;
    }
    Column elements;
    Column one;
    TRY(pgarray_elements(&array, ev->ctx.arena, &elements, err));
    TRY(column_take(&elements, &idx, 1, ev->ctx.arena, &one, err));
    one.type = ret->type;
    exec__scatter(ret, &one, &row, 1);
    return STATUS_OK;
}

static Status eval_subscript(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                             const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column *args;
    TRY(exec__columns(ev->ctx.arena, expr->arg_count, &args, err));
    for (uint32_t i = 0; i < expr->arg_count; i++)
        TRY(expr_eval_plain(ev, expr->args[i], left, right, rows, &args[i], err));
    TRY(column_init(ret, ev->ctx.arena, expr->type, rows, true, err));
    for (uint32_t row = 0; row < rows; row++) {
        bool null = false;
        for (uint32_t i = 0; i < expr->arg_count; i++)
            null |= column_is_null(&args[i], row);
        if (null)
            bit_clear(column_validity(ret), row);
        else
            TRY(subscript_row(ev, expr, args, row, ret, err));
    }
    return STATUS_OK;
}

static Status eval_row(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                       const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column *args;
    TRY(exec__columns(ev->ctx.arena, expr->arg_count, &args, err));
    for (uint32_t i = 0; i < expr->arg_count; i++)
        TRY(expr_eval_plain(ev, expr->args[i], left, right, rows, &args[i], err));
    TRY(column_init(ret, ev->ctx.arena, expr->type, rows, false, err));
    for (uint32_t row = 0; row < rows; row++)
        TRY(pgrecord_make(args, expr->names, expr->arg_count, row, ev->ctx.arena,
                          (View *)column_values(ret) + row, err));
    return STATUS_OK;
}

static Status eval_field(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                         const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    Column arg;
    TRY(expr_eval_plain(ev, expr->args[0], left, right, rows, &arg, err));
    TRY(column_init(ret, ev->ctx.arena, expr->type, rows, true, err));
    for (uint32_t row = 0; row < rows; row++) {
        Column field;
        if (column_is_null(&arg, row) ||
            !pgrecord_field(column_str(&arg, row), expr->column, ev->ctx.arena, &field) ||
            !(type_eq(field.type, expr->type) ||
              (type_is_text(field.type) && type_is_text(expr->type)))) {
            bit_clear(column_validity(ret), row);
            continue;
        }
        exec__scatter(ret, &field, &row, 1);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- the switch */

Status expr_eval(ExprEval *ev, const Expr *expr, const RecordBatch *left, const RecordBatch *right,
                 uint32_t rows, Column *ret, Error *err)
{
    switch (expr->kind) {
    case EXPR_CONST:
        *ret = expr->value;
        ret->len = rows;
        return STATUS_OK;
    case EXPR_COLUMN:
        return eval_column(expr, left, right, rows, ret, err);
    case EXPR_OUTER:
        return eval_outer(ev, expr, rows, ret, err);
    case EXPR_PARAM:
        if (expr->param_idx >= ev->exec->options.param_count)
            return error_set_sql(err, STATUS_INVALID, "42P02", expr->position,
                                 "there is no parameter $%u", expr->param_idx + 1);
        *ret = ev->exec->options.params[expr->param_idx];
        ret->is_const = true;
        ret->len = rows;
        return STATUS_OK;
    case EXPR_CALL:
        return eval_call(ev, expr, left, right, rows, ret, err);
    case EXPR_CAST:
        return eval_cast(ev, expr, left, right, rows, ret, err);
    case EXPR_AND:
    case EXPR_OR:
        return eval_logic(ev, expr, left, right, rows, ret, err);
    case EXPR_NOT:
        return eval_not(ev, expr, left, right, rows, ret, err);
    case EXPR_IS_NULL:
        return eval_is_null(ev, expr, left, right, rows, ret, err);
    case EXPR_BOOL_TEST:
        return eval_bool_test(ev, expr, left, right, rows, ret, err);
    case EXPR_DISTINCT:
        return eval_distinct(ev, expr, left, right, rows, ret, err);
    case EXPR_CASE:
        return eval_case(ev, expr, left, right, rows, ret, err);
    case EXPR_COALESCE:
        return eval_coalesce(ev, expr, left, right, rows, ret, err);
    case EXPR_GREATEST:
    case EXPR_LEAST:
        return eval_extreme(ev, expr, left, right, rows, ret, err);
    case EXPR_NULLIF:
        return eval_nullif(ev, expr, left, right, rows, ret, err);
    case EXPR_IN:
        return eval_in(ev, expr, left, right, rows, ret, err);
    case EXPR_ANY:
        return eval_any(ev, expr, left, right, rows, ret, err);
    case EXPR_ARRAY:
        return eval_array(ev, expr, left, right, rows, ret, err);
    case EXPR_SUBSCRIPT:
        return eval_subscript(ev, expr, left, right, rows, ret, err);
    case EXPR_ROW:
        return eval_row(ev, expr, left, right, rows, ret, err);
    case EXPR_FIELD:
        return eval_field(ev, expr, left, right, rows, ret, err);
    case EXPR_SUBQUERY:
        return exec__subquery(ev, expr, left, right, rows, ret, err);
    case EXPR_AGGREGATE:
    case EXPR_WINDOW:
        break;
    }
    return error_set(err, STATUS_INTERNAL, "expression %d cannot be evaluated here",
                     (int)expr->kind);
}

Status expr_eval_plain(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                       const RecordBatch *right, uint32_t rows, Column *ret, Error *err)
{
    TRY(expr_eval(ev, expr, left, right, rows, ret, err));
    if (!ret->dict)
        return STATUS_OK;
    Column flat;
    if (ret->is_const)
        TRY(constant_of(ev, ret, 0, rows, &flat, err));
    else
        TRY(column_flatten(ret, ev->ctx.arena, &flat, err));
    *ret = flat;
    return STATUS_OK;
}

Status expr_filter(ExprEval *ev, const Expr *predicate, const RecordBatch *left,
                   const RecordBatch *right, uint32_t rows, uint32_t **ret_rows,
                   uint32_t *ret_count, Error *err)
{
    Column c;
    TRY(expr_eval_plain(ev, predicate, left, right, rows, &c, err));
    TRY(new_rows(ev, rows, ret_rows, err));
    *ret_count = expr_true_rows(&c, rows, *ret_rows);
    return STATUS_OK;
}
