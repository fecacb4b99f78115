/* bind_with.c - WITH.
 *
 * A CTE is bound once, where it stands. Each reference is a CTE_SCAN; when there is only one, the
 * CTE reads nothing of outer rows and nobody wrote MATERIALIZED, the scan becomes the plan itself.
 * A recursive CTE is PLAN_RECURSIVE over seed and step; the step reads the working table of an
 * index of its own. */
#include "query/sql/bind_int.h"

Cte *sql__find_cte(Binder *b, Str name)
{
    for (CteFrame *frame = b->ctes; frame; frame = frame->parent)
        for (uint32_t i = frame->count; i-- > 0;)
            if (str_eq(frame->ctes[i].ast->name, name))
                return &frame->ctes[i];
    return NULL;
}

static PlanNode *scan_results(Binder *b, const Cte *cte)
{
    PlanNode *scan = plan_node_new(b->arena, PLAN_VIRTUAL_SCAN);
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, cte->schema.field_count);
    for (uint32_t i = 0; i < cte->schema.field_count; i++)
        columns[i] = (uint16_t)i;
    scan->virtual_table = cte->modify->results;
    scan->schema = cte->schema;
    scan->scan_columns = columns;
    return scan;
}

PlanNode *sql__cte_scan(Binder *b, Cte *cte)
{
    if (cte->modify)
        return scan_results(b, cte);
    PlanNode *scan = plan_node_new(b->arena, PLAN_CTE_SCAN);
    scan->schema = cte->schema;
    scan->cte_idx = cte->plan ? cte->cte_idx : cte->self_idx;
    if (cte->plan)
        ARENA_PUSH(b->arena, cte->scans, cte->scan_count, cte->scan_cap, scan);
    return scan;
}

/* The columns of a CTE under the names given behind its own. */
static Status name_columns(Binder *b, const AstCte *ast, const Schema *from, Schema *ret)
{
    if (ast->columns.count > from->field_count)
        return BIND_ERROR(b, "42P10", ast->position,
                          "WITH query \"%.*s\" has %u columns available but %u columns specified",
                          STR_FMT(ast->name), from->field_count, ast->columns.count);
    Field *fields = ARENA_NEW_ARRAY(b->arena, Field, from->field_count);
    for (uint32_t i = 0; i < from->field_count; i++) {
        fields[i] = from->fields[i];
        if (i < ast->columns.count)
            fields[i].name = ast->columns.names[i];
    }
    *ret = (Schema){fields, from->field_count};
    return STATUS_OK;
}

/* ---- does the text of a query name a table? */

static bool select_names(const AstSelect *select, Str name);

static bool from_names(const AstFrom *from, Str name)
{
    if (!from)
        return false;
    switch (from->kind) {
    case AST_FROM_TABLE:
        return !from->table.schema.len && str_eq(from->table.name, name);
    case AST_FROM_SELECT:
        return select_names(from->select, name);
    case AST_FROM_JOIN:
        return from_names(from->left, name) || from_names(from->right, name);
    default:
        return false;
    }
}

static bool select_names(const AstSelect *select, Str name)
{
    if (!select)
        return false;
    if (select_names(select->left, name) || select_names(select->right, name))
        return true;
    for (uint32_t i = 0; i < select->from_count; i++)
        if (from_names(select->from[i], name))
            return true;
    for (uint32_t i = 0; select->with && i < select->with->count; i++)
        if (select->with->ctes[i].query->kind == AST_STATEMENT_SELECT &&
            select_names(select->with->ctes[i].query->select, name))
            return true;
    return false;
}

/* ---- recursive */

static Status seed_schema(Binder *b, Cte *cte, const PlanNode *seed)
{
    TRY(name_columns(b, cte->ast, &seed->schema, &cte->schema));
    Field *fields =
        arena_dup(b->arena, cte->schema.fields, sizeof(Field) * cte->schema.field_count);
    for (uint32_t i = 0; i < cte->schema.field_count; i++) {
        fields[i].type = type_plain(fields[i].type);
        fields[i].table_oid = 0;
        fields[i].attnum = 0;
        fields[i].not_null = false;
    }
    cte->schema.fields = fields;
    return STATUS_OK;
}

static Status check_step_types(Binder *b, const Cte *cte, const PlanNode *step)
{
    char have[64], want[64];
    if (step->schema.field_count != cte->schema.field_count)
        return BIND_ERROR(b, "42601", cte->ast->position,
                          "each UNION query must have the same number of columns");
    for (uint32_t i = 0; i < cte->schema.field_count; i++) {
        Type type = cte->schema.fields[i].type;
        Type common = type;
        (void)sql__common_pair(&common, step->schema.fields[i].type);
        if (type_eq(common, type))
            continue;
        Status status = BIND_ERROR(
            b, "42804", cte->ast->position,
            "recursive query \"%.*s\" column %u has type %s in non-recursive term but type %s "
            "overall",
            STR_FMT(cte->ast->name), i + 1, type_name(type, have), type_name(common, want));
        error_hint(b->err, "Cast the output of the non-recursive term to the correct type.");
        return status;
    }
    return STATUS_OK;
}

static Status bind_recursive(Binder *b, Scope *outer, Cte *cte, const AstSelect *select)
{
    PlanNode *seed, *step;
    CteFrame inner = {.parent = b->ctes};
    if (select->set_op != AST_SET_UNION)
        return BIND_ERROR(b, "42P19", cte->ast->position,
                          "recursive query \"%.*s\" does not have the form non-recursive-term "
                          "UNION [ALL] recursive-term",
                          STR_FMT(cte->ast->name));
    if (select_names(select->left, cte->ast->name))
        return BIND_ERROR(b, "42P19", cte->ast->position,
                          "recursive reference to query \"%.*s\" must not appear within its "
                          "non-recursive term",
                          STR_FMT(cte->ast->name));
    if (select->order_count || select->limit || select->offset)
        return BIND_UNSUPPORTED(b, cte->ast->position,
                                "ORDER BY, OFFSET and LIMIT in a recursive query are not "
                                "implemented");
    if (select->with)
        TRY(sql__with(b, outer, select->with, &inner));
    TRY(sql__select(b, outer, select->left, &seed));
    TRY(seed_schema(b, cte, seed));
    cte->self_idx = b->cte_count++;
    TRY(sql__select(b, outer, select->right, &step));
    TRY(check_step_types(b, cte, step));
    Type *types = ARENA_NEW_ARRAY(b->arena, Type, cte->schema.field_count);
    for (uint32_t i = 0; i < cte->schema.field_count; i++)
        types[i] = cte->schema.fields[i].type;
    TRY(sql__coerce_plan(b, &seed, types, "UNION"));
    TRY(sql__coerce_plan(b, &step, types, "UNION"));
    PlanNode *node = plan_node_new(b->arena, PLAN_RECURSIVE);
    node->schema = cte->schema;
    node->children[0] = seed;
    node->children[1] = step;
    node->cte_idx = cte->self_idx;
    node->distinct_union = !select->all;
    node->all = select->all;
    cte->plan = select->with ? sql__with_close(b, &inner, node) : node;
    if (select->with)
        b->ctes = inner.parent;
    return STATUS_OK;
}

/* ---- data-modifying statements */

static Status bind_cte(Binder *b, Scope *outer, CteFrame *frame, const AstCte *ast, bool recursive);

/* The statement runs apart, before the query around it. So it sees the queries in front of it as
 * bound for itself, and only the results of statements in front of it. */
static Status bind_apart(Binder *b, const CteFrame *frame, const AstStatement *statement,
                         SqlModify *ret)
{
    CteFrame own = {.ctes = ARENA_NEW_ARRAY(b->arena, Cte, frame->count + 1)};
    CteFrame *saved = b->ctes;
    b->ctes = &own;
    for (uint32_t i = 0; i < frame->count; i++) {
        if (frame->ctes[i].modify)
            own.ctes[own.count++] = frame->ctes[i];
        else
            TRY(bind_cte(b, NULL, &own, frame->ctes[i].ast, frame->ctes[i].recursive));
    }
    if (statement->kind == AST_STATEMENT_INSERT)
        TRY(sql__insert(b, statement->insert, ret));
    else
        TRY(sql__update(b, statement->modify, statement->kind == AST_STATEMENT_UPDATE, ret));
    ret->plan.root = sql__with_close(b, &own, ret->plan.root);
    b->ctes = saved;
    return STATUS_OK;
}

static Status bind_modifying(Binder *b, Scope *outer, CteFrame *frame, Cte *cte)
{
    const AstCte *ast = cte->ast;
    SqlModify *modify = ARENA_NEW(b->arena, SqlModify);
    Schema none = {0};
    if (outer || frame->parent || b->select_depth > 1 || b->view_depth || !b->options->modifies)
        return BIND_UNSUPPORTED(b, ast->position,
                                "WITH clause containing a data-modifying statement must be at the "
                                "top level");
    if (ast->query->kind != AST_STATEMENT_INSERT && ast->query->kind != AST_STATEMENT_UPDATE &&
        ast->query->kind != AST_STATEMENT_DELETE)
        return BIND_UNSUPPORTED(b, ast->position, "this statement in WITH is not supported");
    TRY(bind_apart(b, frame, ast->query, modify));
    const Schema *schema = modify->returning.root ? &modify->returning.root->schema : &none;
    TRY(name_columns(b, ast, schema, &cte->schema));
    modify->results = ARENA_NEW(b->arena, VirtualTable);
    *modify->results = (VirtualTable){
        .name = ast->name, .columns = arena_dup(b->arena, &cte->schema, sizeof cte->schema)};
    cte->modify = modify;
    frame->count++;
    SqlModifies *all = b->options->modifies;
    ARENA_PUSH(b->arena, all->items, all->count, all->cap, modify);
    return STATUS_OK;
}

/* ---- the clause */

static Status bind_cte(Binder *b, Scope *outer, CteFrame *frame, const AstCte *ast, bool recursive)
{
    Cte *cte = &frame->ctes[frame->count];
    PlanNode *plan;
    if (ast->search_or_cycle)
        return BIND_UNSUPPORTED(b, ast->position, "SEARCH and CYCLE clauses are not supported");
    *cte = (Cte){.ast = ast};
    if (ast->query->kind != AST_STATEMENT_SELECT)
        return bind_modifying(b, outer, frame, cte);
    if (recursive && select_names(ast->query->select, ast->name)) {
        cte->recursive = true;
        frame->count++; /* it sees itself */
        TRY(bind_recursive(b, outer, cte, ast->query->select));
    } else {
        TRY(sql__select(b, outer, ast->query->select, &plan));
        TRY(name_columns(b, ast, &plan->schema, &cte->schema));
        cte->plan = plan;
        frame->count++;
    }
    cte->cte_idx = b->cte_count++;
    return STATUS_OK;
}

/* Opens a frame; the caller closes it with sql__with_close and restores b->ctes to frame->parent.
 */
Status sql__with(Binder *b, Scope *outer, const AstWith *with, CteFrame *frame)
{
    frame->parent = b->ctes;
    frame->ctes = ARENA_NEW_ARRAY(b->arena, Cte, with->count);
    frame->count = 0;
    b->ctes = frame;
    for (uint32_t i = 0; i < with->count; i++) {
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(with->ctes[k].name, with->ctes[i].name))
                return BIND_ERROR(b, "42712", with->ctes[i].position,
                                  "WITH query name \"%.*s\" specified more than once",
                                  STR_FMT(with->ctes[i].name));
        TRY(bind_cte(b, outer, frame, &with->ctes[i], with->recursive));
    }
    return STATUS_OK;
}

/* May the only reference run the query in place? */
static bool inlines(const Cte *cte)
{
    return cte->scan_count == 1 && !cte->ast->materialized && !cte->recursive &&
           !sql__plan_escapes(cte->plan);
}

PlanNode *sql__with_close(Binder *b, CteFrame *frame, PlanNode *plan)
{
    for (uint32_t i = frame->count; i-- > 0;) {
        Cte *cte = &frame->ctes[i];
        if (!cte->scan_count)
            continue;
        if (inlines(cte)) {
            Schema schema = cte->scans[0]->schema;
            *cte->scans[0] = *cte->plan;
            cte->scans[0]->schema = schema;
            continue;
        }
        PlanNode *node = plan_node_new(b->arena, PLAN_CTE);
        node->schema = plan->schema;
        node->cte_idx = cte->cte_idx;
        node->children[0] = cte->plan;
        node->children[1] = plan;
        plan = node;
    }
    return plan;
}
