/* sql_pgtree.c - PostgreSQL's raw parse tree -> our AST.
 *
 * The only unit that sees PostgreSQL's structs. libpg_query parses into a memory context of its own
 * (thread-local); we copy what we need into the script's arena and leave the context at once. Only
 * structs, node tags and list macros of the server headers are used: their functions and globals
 * are not the ones inside libpg_query. Conversion recurses, so every level is counted: the grammar
 * itself takes left-deep chains of any length.
 *
 * What LumaDB does not do becomes a node that names the feature; the binder answers 0A000 with it.
 */
#include "query/sql/pgtree_int.h"

#include <pg_query.h>
#include <stdlib.h>

/* LimitOption is the one enum that libpg_query numbers differently: DEFAULT, COUNT, WITH_TIES. */
enum { LIBRARY_LIMIT_WITH_TIES = 2 };

/* From pg_query_internal.h, which cannot be included beside our own names. */
typedef struct {
    List *tree;
    char *stderr_buffer;
    PgQueryError *error;
} PgQueryInternalParsetreeAndError;
PgQueryInternalParsetreeAndError pg_query_raw_parse(const char *input);
void pg_query_free_error(PgQueryError *error);
MemoryContext pg_query_enter_memory_context(void);
void pg_query_exit_memory_context(MemoryContext ctx);

bool pgtree__enter(Convert *c)
{
    if (c->depth >= AST_DEPTH_MAX)
        c->too_deep = true;
    if (c->too_deep)
        return false;
    c->depth++;
    return true;
}

Str pgtree__str(Convert *c, const char *text)
{
    return text ? arena_str(c->arena, str_from(text)) : STR("");
}

int32_t pgtree__position(Convert *c, int location)
{
    return location < 0 ? 0 : sql_text_position(&c->text, (size_t)location);
}

AstNames pgtree__names(Convert *c, List *list)
{
    AstNames names = {ARENA_NEW_ARRAY(c->arena, Str, list_length(list)), 0};
    ListCell *cell;
    foreach(cell, list)
    {
        Node *node = lfirst(cell);
        if (node && IsA(node, String))
            names.names[names.count++] = pgtree__str(c, strVal(node));
    }
    return names;
}

/* The last part of a dotted name, and the part before it. */
void pgtree__qualified(Convert *c, List *list, Str *ret_schema, Str *ret_name)
{
    AstNames names = pgtree__names(c, list);
    *ret_name = names.count ? names.names[names.count - 1] : STR("");
    *ret_schema = names.count > 1 ? names.names[names.count - 2] : STR("");
}

AstName pgtree__range_var(Convert *c, RangeVar *var)
{
    return (AstName){.catalog = pgtree__str(c, var->catalogname),
                     .schema = pgtree__str(c, var->schemaname),
                     .name = pgtree__str(c, var->relname),
                     .position = pgtree__position(c, var->location)};
}

/* ---------------------------------------------------------------- expressions */

static AstExpr *new_expr(Convert *c, AstExprKind kind, int location)
{
    AstExpr *expr = ARENA_NEW(c->arena, AstExpr);
    expr->kind = kind;
    expr->position = pgtree__position(c, location);
    return expr;
}

static AstExpr *new_unsupported(Convert *c, const char *what, int location)
{
    AstExpr *expr = new_expr(c, AST_UNSUPPORTED, location);
    expr->text = str_from(what);
    return expr;
}

AstExpr **pgtree__exprs(Convert *c, List *list, uint32_t *ret_count)
{
    AstExpr **exprs = ARENA_NEW_ARRAY(c->arena, AstExpr *, list_length(list) + 1);
    ListCell *cell;
    uint32_t count = 0;
    foreach(cell, list) exprs[count++] = pgtree__expr(c, lfirst(cell));
    *ret_count = count;
    return exprs;
}

static void set_args(Convert *c, AstExpr *expr, List *list)
{
    expr->args = pgtree__exprs(c, list, &expr->arg_count);
}

static void set_args3(Convert *c, AstExpr *expr, uint32_t count, Node *a, Node *b, Node *d)
{
    Node *nodes[3] = {a, b, d};
    expr->arg_count = count;
    expr->args = ARENA_NEW_ARRAY(c->arena, AstExpr *, count);
    for (uint32_t i = 0; i < count; i++)
        expr->args[i] = nodes[i] ? pgtree__expr(c, nodes[i]) : NULL;
}

AstType *pgtree__type(Convert *c, TypeName *name)
{
    AstType *type = ARENA_NEW(c->arena, AstType);
    pgtree__qualified(c, name->names, &type->schema, &type->name);
    type->modifiers = pgtree__exprs(c, name->typmods, &type->modifier_count);
    type->array_bounds = (uint32_t)list_length(name->arrayBounds);
    type->set_of = name->setof;
    type->of_column = name->pct_type;
    type->position = pgtree__position(c, name->location);
    return type;
}

static AstOrder *convert_order(Convert *c, List *list, uint32_t *ret_count)
{
    AstOrder *orders = ARENA_NEW_ARRAY(c->arena, AstOrder, list_length(list));
    ListCell *cell;
    uint32_t count = 0;
    foreach(cell, list)
    {
        SortBy *by = lfirst(cell);
        AstOrder *order = &orders[count++];
        order->expr = pgtree__expr(c, by->node);
        order->descending = by->sortby_dir == SORTBY_DESC;
        order->nulls_given = by->sortby_nulls != SORTBY_NULLS_DEFAULT;
        order->nulls_first = by->sortby_nulls == SORTBY_NULLS_FIRST;
        order->position = pgtree__position(c, by->location);
        if (by->sortby_dir == SORTBY_USING) {
            Str schema;
            pgtree__qualified(c, by->useOp, &schema, &order->using_operator);
        }
    }
    *ret_count = count;
    return orders;
}

static void convert_frame(WindowDef *def, AstWindow *window)
{
    int options = def->frameOptions;
    window->frame_given = options & FRAMEOPTION_NONDEFAULT;
    window->unit = options & FRAMEOPTION_ROWS     ? AST_FRAME_ROWS
                   : options & FRAMEOPTION_GROUPS ? AST_FRAME_GROUPS
                                                  : AST_FRAME_RANGE;
    window->start = options & FRAMEOPTION_START_UNBOUNDED_PRECEDING ? AST_BOUND_UNBOUNDED_PRECEDING
                    : options & FRAMEOPTION_START_OFFSET_PRECEDING  ? AST_BOUND_PRECEDING
                    : options & FRAMEOPTION_START_OFFSET_FOLLOWING  ? AST_BOUND_FOLLOWING
                                                                    : AST_BOUND_CURRENT;
    window->end = options & FRAMEOPTION_END_UNBOUNDED_FOLLOWING ? AST_BOUND_UNBOUNDED_FOLLOWING
                  : options & FRAMEOPTION_END_OFFSET_PRECEDING  ? AST_BOUND_PRECEDING
                  : options & FRAMEOPTION_END_OFFSET_FOLLOWING  ? AST_BOUND_FOLLOWING
                                                                : AST_BOUND_CURRENT;
    window->exclude = options & FRAMEOPTION_EXCLUDE_CURRENT_ROW ? AST_EXCLUDE_CURRENT
                      : options & FRAMEOPTION_EXCLUDE_GROUP     ? AST_EXCLUDE_GROUP
                      : options & FRAMEOPTION_EXCLUDE_TIES      ? AST_EXCLUDE_TIES
                                                                : AST_EXCLUDE_NONE;
}

static void convert_window(Convert *c, WindowDef *def, AstWindow *window)
{
    window->name = pgtree__str(c, def->name);
    window->base = pgtree__str(c, def->refname);
    window->partition = pgtree__exprs(c, def->partitionClause, &window->partition_count);
    window->order = convert_order(c, def->orderClause, &window->order_count);
    convert_frame(def, window);
    window->start_offset = def->startOffset ? pgtree__expr(c, def->startOffset) : NULL;
    window->end_offset = def->endOffset ? pgtree__expr(c, def->endOffset) : NULL;
    window->position = pgtree__position(c, def->location);
}

static AstExpr *convert_call(Convert *c, FuncCall *node)
{
    AstExpr *expr = new_expr(c, AST_CALL, node->location);
    AstCall *call = ARENA_NEW(c->arena, AstCall);
    expr->call = call;
    pgtree__qualified(c, node->funcname, &call->schema, &call->name);
    set_args(c, expr, node->args);
    call->order = convert_order(c, node->agg_order, &call->order_count);
    call->filter = node->agg_filter ? pgtree__expr(c, node->agg_filter) : NULL;
    if (node->over) {
        call->over = ARENA_NEW(c->arena, AstWindow);
        convert_window(c, node->over, call->over);
    }
    call->within_group = node->agg_within_group;
    call->star = node->agg_star;
    call->distinct = node->agg_distinct;
    call->variadic = node->func_variadic;
    call->sql_syntax = node->funcformat == COERCE_SQL_SYNTAX;
    return expr;
}

static AstExpr *convert_const(Convert *c, A_Const *node)
{
    AstExpr *expr = new_expr(c, AST_CONST, node->location);
    if (node->isnull) {
        expr->constant = AST_CONST_NULL;
        return expr;
    }
    switch (nodeTag(&node->val.node)) {
    case T_Integer:
        expr->constant = AST_CONST_INTEGER;
        expr->number = node->val.ival.ival;
        break;
    case T_Float:
        expr->constant = AST_CONST_NUMBER;
        expr->text = pgtree__str(c, node->val.fval.fval);
        break;
    case T_Boolean:
        expr->constant = AST_CONST_BOOL;
        expr->number = node->val.boolval.boolval;
        break;
    case T_BitString:
        expr->constant = AST_CONST_BITS;
        expr->text = pgtree__str(c, node->val.bsval.bsval);
        break;
    default:
        expr->constant = AST_CONST_STRING;
        expr->text = pgtree__str(c, node->val.sval.sval);
        break;
    }
    return expr;
}

static AstExpr *convert_column(Convert *c, ColumnRef *node)
{
    AstExpr *expr = new_expr(c, AST_COLUMN, node->location);
    expr->path = pgtree__names(c, node->fields);
    if (IsA(llast(node->fields), A_Star))
        expr->kind = AST_STAR;
    else
        c->ctid_count +=
            expr->path.count && str_eq(expr->path.names[expr->path.count - 1], STR("ctid"));
    return expr;
}

/* LIKE and SIMILAR TO carry their operator ("~~", "~") as a name; BETWEEN does not. */
static AstExpr *convert_operator(Convert *c, A_Expr *node)
{
    AstExpr *expr = new_expr(c, AST_OPERATOR, node->location);
    Node *left = node->lexpr;
    Node *right = node->rexpr;
    Str symbol, schema;
    pgtree__qualified(c, node->name, &schema, &symbol);
    switch (node->kind) {
    case AEXPR_OP:
    case AEXPR_LIKE:
    case AEXPR_ILIKE:
    case AEXPR_SIMILAR:
        expr->text = symbol;
        expr->schema = schema;
        if (left && right)
            set_args3(c, expr, 2, left, right, NULL);
        else
            set_args3(c, expr, 1, right ? right : left, NULL, NULL);
        return expr;
    case AEXPR_OP_ANY:
    case AEXPR_OP_ALL:
        expr->kind = AST_OPERATOR_ANY;
        expr->text = symbol;
        expr->schema = schema;
        expr->all = node->kind == AEXPR_OP_ALL;
        set_args3(c, expr, 2, left, right, NULL);
        return expr;
    case AEXPR_DISTINCT:
    case AEXPR_NOT_DISTINCT:
        expr->kind = AST_DISTINCT;
        expr->negated = node->kind == AEXPR_NOT_DISTINCT;
        set_args3(c, expr, 2, left, right, NULL);
        return expr;
    case AEXPR_NULLIF:
        expr->kind = AST_NULLIF;
        set_args3(c, expr, 2, left, right, NULL);
        return expr;
    case AEXPR_IN: {
        uint32_t count;
        AstExpr **items = pgtree__exprs(c, (List *)right, &count);
        expr->kind = AST_IN;
        expr->negated = str_eq(symbol, STR("<>"));
        expr->arg_count = count + 1;
        expr->args = ARENA_NEW_ARRAY(c->arena, AstExpr *, count + 1);
        expr->args[0] = pgtree__expr(c, left);
        memcpy(expr->args + 1, items, count * sizeof *items);
        return expr;
    }
    case AEXPR_BETWEEN:
    case AEXPR_NOT_BETWEEN:
    case AEXPR_BETWEEN_SYM:
    case AEXPR_NOT_BETWEEN_SYM:
        expr->kind = AST_BETWEEN;
        expr->negated = node->kind == AEXPR_NOT_BETWEEN || node->kind == AEXPR_NOT_BETWEEN_SYM;
        expr->all = node->kind == AEXPR_BETWEEN_SYM || node->kind == AEXPR_NOT_BETWEEN_SYM;
        set_args3(c, expr, 3, left, linitial((List *)right), lsecond((List *)right));
        return expr;
    }
    return new_unsupported(c, "this operator", node->location);
}

static AstExpr *convert_case(Convert *c, CaseExpr *node)
{
    AstExpr *expr = new_expr(c, AST_CASE, node->location);
    ListCell *cell;
    expr->arg_count = 2 * (uint32_t)list_length(node->args) + 2;
    expr->args = ARENA_NEW_ARRAY(c->arena, AstExpr *, expr->arg_count);
    uint32_t at = 0;
    expr->args[at++] = node->arg ? pgtree__expr(c, (Node *)node->arg) : NULL;
    foreach(cell, node->args)
    {
        CaseWhen *when = lfirst(cell);
        expr->args[at++] = pgtree__expr(c, (Node *)when->expr);
        expr->args[at++] = pgtree__expr(c, (Node *)when->result);
    }
    expr->args[at] = node->defresult ? pgtree__expr(c, (Node *)node->defresult) : NULL;
    return expr;
}

AstExpr *pgtree__steps(Convert *c, AstExpr *expr, List *steps, int location)
{
    int64_t number = 0;
    ListCell *cell;
    foreach(cell, steps)
    {
        Node *step = lfirst(cell);
        AstExpr *outer = new_expr(c, AST_FIELD, location);
        if (IsA(step, A_Indices)) {
            A_Indices *indices = (A_Indices *)step;
            outer->kind = AST_SUBSCRIPT;
            outer->number = number++;
            outer->all = indices->is_slice;
            if (indices->is_slice)
                set_args3(c, outer, 3, NULL, indices->lidx, indices->uidx);
            else
                set_args3(c, outer, 2, NULL, indices->uidx, NULL);
        } else {
            outer->arg_count = 1;
            outer->args = ARENA_NEW_ARRAY(c->arena, AstExpr *, 1);
            if (IsA(step, A_Star))
                outer->kind = AST_FIELD_STAR;
            else
                outer->text = pgtree__str(c, strVal(step));
        }
        outer->args[0] = expr;
        if (!outer->position && expr)
            outer->position = expr->position;
        expr = outer;
        if (!pgtree__enter(c)) /* every step is a level of the tree */
            return NULL;
    }
    if (!c->too_deep)
        c->depth -= (uint32_t)list_length(steps);
    return expr;
}

/* (x).a[1].b */
static AstExpr *convert_indirection(Convert *c, Node *arg, List *steps, int location)
{
    return pgtree__steps(c, pgtree__expr(c, arg), steps, location);
}

static AstExpr *convert_sublink(Convert *c, SubLink *node)
{
    AstExpr *expr = new_expr(c, AST_SUBQUERY, node->location);
    Str schema;
    switch (node->subLinkType) {
    case EXISTS_SUBLINK:
        expr->number = AST_SUBQUERY_EXISTS;
        break;
    case ALL_SUBLINK:
        expr->number = AST_SUBQUERY_ALL;
        break;
    case ANY_SUBLINK:
        expr->number = AST_SUBQUERY_ANY;
        break;
    case ARRAY_SUBLINK:
        expr->number = AST_SUBQUERY_ARRAY;
        break;
    default:
        expr->number = AST_SUBQUERY_SCALAR;
        break;
    }
    if (node->testexpr)
        set_args3(c, expr, 1, node->testexpr, NULL, NULL);
    expr->text = STR("=");
    if (node->operName)
        pgtree__qualified(c, node->operName, &schema, &expr->text);
    expr->select = pgtree__select(c, (SelectStmt *)node->subselect);
    return expr;
}

static AstExpr *convert_sql_value(Convert *c, SQLValueFunction *node)
{
    static const uint8_t values[] = {
        [SVFOP_CURRENT_DATE] = AST_CURRENT_DATE,
        [SVFOP_CURRENT_TIME] = AST_CURRENT_TIME,
        [SVFOP_CURRENT_TIME_N] = AST_CURRENT_TIME,
        [SVFOP_CURRENT_TIMESTAMP] = AST_CURRENT_TIMESTAMP,
        [SVFOP_CURRENT_TIMESTAMP_N] = AST_CURRENT_TIMESTAMP,
        [SVFOP_LOCALTIME] = AST_LOCALTIME,
        [SVFOP_LOCALTIME_N] = AST_LOCALTIME,
        [SVFOP_LOCALTIMESTAMP] = AST_LOCALTIMESTAMP,
        [SVFOP_LOCALTIMESTAMP_N] = AST_LOCALTIMESTAMP,
        [SVFOP_CURRENT_ROLE] = AST_CURRENT_ROLE,
        [SVFOP_CURRENT_USER] = AST_CURRENT_USER,
        [SVFOP_USER] = AST_USER,
        [SVFOP_SESSION_USER] = AST_SESSION_USER,
        [SVFOP_CURRENT_CATALOG] = AST_CURRENT_CATALOG,
        [SVFOP_CURRENT_SCHEMA] = AST_CURRENT_SCHEMA,
    };
    AstExpr *expr = new_expr(c, AST_SQL_VALUE, node->location);
    expr->number = values[node->op];
    if (node->typmod >= 0) {
        AstExpr *precision = new_expr(c, AST_CONST, node->location);
        precision->constant = AST_CONST_INTEGER;
        precision->number = node->typmod;
        expr->arg_count = 1;
        expr->args = ARENA_NEW_ARRAY(c->arena, AstExpr *, 1);
        expr->args[0] = precision;
    }
    return expr;
}

static AstExpr *convert_bool(Convert *c, BoolExpr *node)
{
    AstExprKind kind = node->boolop == AND_EXPR  ? AST_AND
                       : node->boolop == OR_EXPR ? AST_OR
                                                 : AST_NOT;
    AstExpr *expr = new_expr(c, kind, node->location);
    set_args(c, expr, node->args);
    return expr;
}

static AstExpr *convert_bool_test(Convert *c, BooleanTest *node)
{
    AstExpr *expr = new_expr(c, AST_BOOL_TEST, node->location);
    expr->number = node->booltesttype / 2;
    expr->negated = node->booltesttype % 2;
    set_args3(c, expr, 1, (Node *)node->arg, NULL, NULL);
    return expr;
}

static AstExpr *convert_cast(Convert *c, TypeCast *node)
{
    AstExpr *expr = new_expr(c, AST_CAST, node->location);
    set_args3(c, expr, 1, node->arg, NULL, NULL);
    expr->type = pgtree__type(c, node->typeName);
    if (!expr->position)
        expr->position = expr->type->position;
    return expr;
}

static AstExpr *convert_list_expr(Convert *c, AstExprKind kind, List *args, int location)
{
    AstExpr *expr = new_expr(c, kind, location);
    set_args(c, expr, args);
    return expr;
}

static AstExpr *convert_expr_node(Convert *c, Node *node)
{
    AstExpr *expr;
    switch (nodeTag(node)) {
    case T_A_Const:
        return convert_const(c, (A_Const *)node);
    case T_ColumnRef:
        return convert_column(c, (ColumnRef *)node);
    case T_ParamRef:
        expr = new_expr(c, AST_PARAM, ((ParamRef *)node)->location);
        expr->number = ((ParamRef *)node)->number;
        if (expr->number > 0)
            c->param_max = LUMA_MAX(c->param_max, (uint32_t)expr->number);
        return expr;
    case T_A_Expr:
        return convert_operator(c, (A_Expr *)node);
    case T_BoolExpr:
        return convert_bool(c, (BoolExpr *)node);
    case T_NullTest:
        expr = new_expr(c, AST_IS_NULL, ((NullTest *)node)->location);
        expr->negated = ((NullTest *)node)->nulltesttype == IS_NOT_NULL;
        set_args3(c, expr, 1, (Node *)((NullTest *)node)->arg, NULL, NULL);
        return expr;
    case T_BooleanTest:
        return convert_bool_test(c, (BooleanTest *)node);
    case T_CaseExpr:
        return convert_case(c, (CaseExpr *)node);
    case T_CoalesceExpr:
        return convert_list_expr(c, AST_COALESCE, ((CoalesceExpr *)node)->args,
                                 ((CoalesceExpr *)node)->location);
    case T_MinMaxExpr:
        return convert_list_expr(c,
                                 ((MinMaxExpr *)node)->op == IS_GREATEST ? AST_GREATEST : AST_LEAST,
                                 ((MinMaxExpr *)node)->args, ((MinMaxExpr *)node)->location);
    case T_FuncCall:
        return convert_call(c, (FuncCall *)node);
    case T_TypeCast:
        return convert_cast(c, (TypeCast *)node);
    case T_CollateClause:
        expr = new_expr(c, AST_COLLATE, ((CollateClause *)node)->location);
        set_args3(c, expr, 1, ((CollateClause *)node)->arg, NULL, NULL);
        pgtree__qualified(c, ((CollateClause *)node)->collname, &expr->schema, &expr->text);
        return expr;
    case T_A_ArrayExpr:
        return convert_list_expr(c, AST_ARRAY, ((A_ArrayExpr *)node)->elements,
                                 ((A_ArrayExpr *)node)->location);
    case T_RowExpr:
        return convert_list_expr(c, AST_ROW, ((RowExpr *)node)->args, ((RowExpr *)node)->location);
    case T_A_Indirection:
        return convert_indirection(c, ((A_Indirection *)node)->arg,
                                   ((A_Indirection *)node)->indirection, -1);
    case T_SubLink:
        return convert_sublink(c, (SubLink *)node);
    case T_SQLValueFunction:
        return convert_sql_value(c, (SQLValueFunction *)node);
    case T_GroupingFunc:
        return convert_list_expr(c, AST_GROUPING, ((GroupingFunc *)node)->args,
                                 ((GroupingFunc *)node)->location);
    case T_SetToDefault:
        return new_expr(c, AST_DEFAULT, ((SetToDefault *)node)->location);
    case T_NamedArgExpr:
        expr = new_expr(c, AST_NAMED_ARG, ((NamedArgExpr *)node)->location);
        expr->text = pgtree__str(c, ((NamedArgExpr *)node)->name);
        set_args3(c, expr, 1, (Node *)((NamedArgExpr *)node)->arg, NULL, NULL);
        return expr;
    case T_XmlExpr:
    case T_XmlSerialize:
        return new_unsupported(c, "XML", -1);
    case T_CurrentOfExpr:
        return new_unsupported(c, "WHERE CURRENT OF", -1);
    case T_MultiAssignRef:
        return new_unsupported(c, "multiple assignment", -1);
    default:
        return new_unsupported(c, "this expression", -1);
    }
}

AstExpr *pgtree__expr(Convert *c, Node *node)
{
    if (!node)
        return new_unsupported(c, "this expression", -1);
    if (!pgtree__enter(c))
        return NULL;
    AstExpr *expr = convert_expr_node(c, node);
    c->depth--;
    return expr;
}

/* ---------------------------------------------------------------- queries */

static AstAlias convert_alias(Convert *c, Alias *alias)
{
    if (!alias)
        return (AstAlias){0};
    return (AstAlias){pgtree__str(c, alias->aliasname), pgtree__names(c, alias->colnames)};
}

AstTarget *pgtree__targets(Convert *c, List *list, uint32_t *ret_count)
{
    AstTarget *targets = ARENA_NEW_ARRAY(c->arena, AstTarget, list_length(list));
    ListCell *cell;
    uint32_t count = 0;
    foreach(cell, list)
    {
        ResTarget *res = lfirst(cell);
        AstTarget *target = &targets[count++];
        target->alias = pgtree__str(c, res->name);
        target->position = pgtree__position(c, res->location);
        if (res->val)
            target->expr = pgtree__expr(c, res->val);
    }
    *ret_count = count;
    return targets;
}

static AstColumnDef *convert_function_columns(Convert *c, List *list, uint32_t *ret_count)
{
    AstColumnDef *columns = ARENA_NEW_ARRAY(c->arena, AstColumnDef, list_length(list));
    ListCell *cell;
    uint32_t count = 0;
    foreach(cell, list)
    {
        ColumnDef *def = lfirst(cell);
        AstColumnDef *column = &columns[count++];
        column->name = pgtree__str(c, def->colname);
        column->type = pgtree__type(c, def->typeName);
        column->position = pgtree__position(c, def->location);
    }
    *ret_count = count;
    return columns;
}

static void convert_range_function(Convert *c, RangeFunction *node, AstFrom *from)
{
    ListCell *cell;
    from->kind = AST_FROM_FUNCTION;
    from->alias = convert_alias(c, node->alias);
    from->lateral = node->lateral;
    from->ordinality = node->ordinality;
    from->functions = ARENA_NEW_ARRAY(c->arena, AstExpr *, list_length(node->functions));
    foreach(cell, node->functions)
    {
        List *pair = lfirst(cell); /* function, column definitions */
        from->functions[from->function_count++] = pgtree__expr(c, linitial(pair));
        if (lsecond(pair))
            from->columns = convert_function_columns(c, lsecond(pair), &from->column_count);
    }
    if (node->coldeflist)
        from->columns = convert_function_columns(c, node->coldeflist, &from->column_count);
    if (from->function_count && from->functions[0])
        from->position = from->functions[0]->position;
}

static void convert_join(Convert *c, JoinExpr *node, AstFrom *from)
{
    from->kind = AST_FROM_JOIN;
    from->alias = convert_alias(c, node->alias);
    from->join = node->jointype == JOIN_LEFT    ? AST_JOIN_LEFT
                 : node->jointype == JOIN_FULL  ? AST_JOIN_FULL
                 : node->jointype == JOIN_RIGHT ? AST_JOIN_RIGHT
                                                : AST_JOIN_INNER;
    from->natural = node->isNatural;
    from->left = pgtree__from(c, node->larg);
    from->right = pgtree__from(c, node->rarg);
    from->on = node->quals ? pgtree__expr(c, node->quals) : NULL;
    from->using_columns = pgtree__names(c, node->usingClause);
    if (node->join_using_alias)
        from->using_alias = pgtree__str(c, node->join_using_alias->aliasname);
}

AstFrom *pgtree__from(Convert *c, Node *node)
{
    if (!pgtree__enter(c))
        return NULL;
    AstFrom *from = ARENA_NEW(c->arena, AstFrom);
    switch (nodeTag(node)) {
    case T_RangeVar:
        from->kind = AST_FROM_TABLE;
        from->table = pgtree__range_var(c, (RangeVar *)node);
        from->alias = convert_alias(c, ((RangeVar *)node)->alias);
        from->position = from->table.position;
        break;
    case T_RangeSubselect:
        from->kind = AST_FROM_SELECT;
        from->alias = convert_alias(c, ((RangeSubselect *)node)->alias);
        from->lateral = ((RangeSubselect *)node)->lateral;
        from->select = pgtree__select(c, (SelectStmt *)((RangeSubselect *)node)->subquery);
        if (from->select)
            from->position = from->select->position;
        break;
    case T_RangeFunction:
        convert_range_function(c, (RangeFunction *)node, from);
        break;
    case T_JoinExpr:
        convert_join(c, (JoinExpr *)node, from);
        break;
    case T_RangeTableSample:
        from->kind = AST_FROM_UNSUPPORTED;
        from->unsupported = STR("TABLESAMPLE");
        from->position = pgtree__position(c, ((RangeTableSample *)node)->location);
        break;
    case T_RangeTableFunc:
        from->kind = AST_FROM_UNSUPPORTED;
        from->unsupported = STR("XMLTABLE");
        break;
    default:
        from->kind = AST_FROM_UNSUPPORTED;
        from->unsupported = STR("this item in FROM");
        break;
    }
    c->depth--;
    return from;
}

AstWith *pgtree__with(Convert *c, WithClause *node)
{
    if (!node)
        return NULL;
    AstWith *with = ARENA_NEW(c->arena, AstWith);
    ListCell *cell;
    with->recursive = node->recursive;
    with->ctes = ARENA_NEW_ARRAY(c->arena, AstCte, list_length(node->ctes));
    foreach(cell, node->ctes)
    {
        CommonTableExpr *expr = lfirst(cell);
        AstCte *cte = &with->ctes[with->count++];
        cte->name = pgtree__str(c, expr->ctename);
        cte->columns = pgtree__names(c, expr->aliascolnames);
        cte->query = pgtree__statement(c, expr->ctequery, -1, 0);
        cte->materialized = expr->ctematerialized == CTEMaterializeAlways;
        cte->not_materialized = expr->ctematerialized == CTEMaterializeNever;
        cte->search_or_cycle = expr->search_clause || expr->cycle_clause;
        cte->position = pgtree__position(c, expr->location);
    }
    return with;
}

static void convert_group(Convert *c, Node *node, AstGroup *group)
{
    if (!IsA(node, GroupingSet)) {
        group->kind = AST_GROUP_EXPR;
        group->expr = pgtree__expr(c, node);
        if (group->expr)
            group->position = group->expr->position;
        return;
    }
    GroupingSet *set = (GroupingSet *)node;
    group->position = pgtree__position(c, set->location);
    group->kind = set->kind == GROUPING_SET_ROLLUP ? AST_GROUP_ROLLUP
                  : set->kind == GROUPING_SET_CUBE ? AST_GROUP_CUBE
                  : set->kind == GROUPING_SET_SETS ? AST_GROUP_SETS
                                                   : AST_GROUP_EMPTY;
    if (!pgtree__enter(c))
        return;
    group->items = ARENA_NEW_ARRAY(c->arena, AstGroup, list_length(set->content));
    ListCell *cell;
    foreach(cell, set->content) convert_group(c, lfirst(cell), &group->items[group->item_count++]);
    c->depth--;
}

static void convert_values(Convert *c, List *rows, AstSelect *select)
{
    ListCell *cell;
    select->values_rows = (uint32_t)list_length(rows);
    select->values_columns = (uint32_t)list_length((List *)linitial(rows));
    select->values =
        ARENA_NEW_ARRAY(c->arena, AstExpr *, (size_t)select->values_rows * select->values_columns);
    size_t at = 0;
    foreach(cell, rows)
    {
        ListCell *item;
        if ((uint32_t)list_length((List *)lfirst(cell)) != select->values_columns) {
            /* The binder reports it at the row's first expression. */
            AstExpr *bad = new_unsupported(c, "VALUES", -1);
            AstExpr *first = pgtree__expr(c, linitial((List *)lfirst(cell)));
            bad->position = first ? first->position : 0;
            select->values[0] = bad;
            return;
        }
        foreach(item, (List *)lfirst(cell)) select->values[at++] = pgtree__expr(c, lfirst(item));
    }
}

static void convert_select_leaf(Convert *c, SelectStmt *stmt, AstSelect *select)
{
    ListCell *cell;
    if (stmt->valuesLists) {
        convert_values(c, stmt->valuesLists, select);
        return;
    }
    if (stmt->distinctClause) {
        select->distinct = true;
        if (linitial(stmt->distinctClause))
            select->distinct_on =
                pgtree__exprs(c, stmt->distinctClause, &select->distinct_on_count);
    }
    select->targets = pgtree__targets(c, stmt->targetList, &select->target_count);
    select->from = ARENA_NEW_ARRAY(c->arena, AstFrom *, list_length(stmt->fromClause));
    foreach(cell, stmt->fromClause) select->from[select->from_count++] =
        pgtree__from(c, lfirst(cell));
    select->where = stmt->whereClause ? pgtree__expr(c, stmt->whereClause) : NULL;
    select->groups = ARENA_NEW_ARRAY(c->arena, AstGroup, list_length(stmt->groupClause));
    foreach(cell, stmt->groupClause)
        convert_group(c, lfirst(cell), &select->groups[select->group_count++]);
    select->group_distinct = stmt->groupDistinct;
    select->having = stmt->havingClause ? pgtree__expr(c, stmt->havingClause) : NULL;
    select->windows = ARENA_NEW_ARRAY(c->arena, AstWindow, list_length(stmt->windowClause));
    foreach(cell, stmt->windowClause)
        convert_window(c, lfirst(cell), &select->windows[select->window_count++]);
}

AstSelect *pgtree__select(Convert *c, SelectStmt *stmt)
{
    if (!pgtree__enter(c))
        return NULL;
    AstSelect *select = ARENA_NEW(c->arena, AstSelect);
    uint32_t ctid_count = c->ctid_count;
    select->with = pgtree__with(c, stmt->withClause);
    select->all = stmt->all;
    if (stmt->op != SETOP_NONE) {
        select->set_op = stmt->op == SETOP_UNION       ? AST_SET_UNION
                         : stmt->op == SETOP_INTERSECT ? AST_SET_INTERSECT
                                                       : AST_SET_EXCEPT;
        select->left = pgtree__select(c, stmt->larg);
        select->right = pgtree__select(c, stmt->rarg);
        select->position = select->left ? select->left->position : 0;
    } else {
        convert_select_leaf(c, stmt, select);
        if (select->target_count)
            select->position = select->targets[0].position;
        else if (select->values_rows && select->values[0])
            select->position = select->values[0]->position;
    }
    if (stmt->intoClause) {
        select->into = true;
        select->into_table = pgtree__range_var(c, stmt->intoClause->rel);
    }
    select->order = convert_order(c, stmt->sortClause, &select->order_count);
    select->limit = stmt->limitCount ? pgtree__expr(c, stmt->limitCount) : NULL;
    select->offset = stmt->limitOffset ? pgtree__expr(c, stmt->limitOffset) : NULL;
    select->with_ties = (int)stmt->limitOption == LIBRARY_LIMIT_WITH_TIES;
    select->row_ids = c->ctid_count != ctid_count;
    c->depth--;
    return select;
}

/* ---------------------------------------------------------------- entry */

static Status too_deep(Error *err)
{
    Status status =
        error_set_sql(err, STATUS_LIMIT, "54001", 0,
                      "the statement is nested too deeply: more than %d levels", AST_DEPTH_MAX);
    error_hint(err, "Split the expression, or use IN (...), ANY (ARRAY[...]) or VALUES.");
    return status;
}

static Status syntax_error(const PgQueryError *error, Error *err)
{
    const char *message = error->message ? error->message : "syntax error";
    if (strstr(message, "memory exhausted"))
        return too_deep(err);
    int32_t position = LUMA_MAX(error->cursorpos, 0); /* counts characters already */
    return error_set_sql(err, STATUS_INVALID, "42601", position, "%s", message);
}

static Status convert_script(Arena *arena, const SqlText *text, List *tree, AstScript *script,
                             Error *err)
{
    Convert c = {.arena = arena, .text = *text};
    ListCell *cell;
    script->statements = ARENA_NEW_ARRAY(arena, AstStatement *, list_length(tree));
    script->count = 0;
    foreach(cell, tree)
    {
        RawStmt *raw = lfirst(cell);
        int location = LUMA_MAX(raw->stmt_location, 0);
        c.param_max = 0;
        script->statements[script->count++] =
            pgtree__statement(&c, raw->stmt, location, raw->stmt_len);
        if (c.too_deep)
            return too_deep(err);
    }
    return STATUS_OK;
}

Status sql_parse(Arena *arena, Str text, AstScript *ret_script, Error *err)
{
    SqlText map;
    TRY(sql_text_init(&map, arena, text, err));
    MemoryContext context = pg_query_enter_memory_context();
    PgQueryInternalParsetreeAndError parsed = pg_query_raw_parse(map.text.ptr);
    Status status = parsed.error ? syntax_error(parsed.error, err)
                                 : convert_script(arena, &map, parsed.tree, ret_script, err);
    if (parsed.error)
        pg_query_free_error(parsed.error);
    free(parsed.stderr_buffer);
    pg_query_exit_memory_context(context);
    return status;
}
