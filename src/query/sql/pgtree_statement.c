/* pgtree_statement.c - PostgreSQL's raw statements -> our AST (see sql_pgtree.c). */
#include "query/sql/pgtree_int.h"

#include <limits.h>

#include "catalog/pg_class.h"

AstName pgtree__name_list(Convert *c, List *list)
{
    AstNames names = pgtree__names(c, list);
    AstName name = {0};
    if (names.count > 0)
        name.name = names.names[names.count - 1];
    if (names.count > 1)
        name.schema = names.names[names.count - 2];
    if (names.count > 2)
        name.catalog = names.names[names.count - 3];
    return name;
}

static Str def_value(Convert *c, Node *arg, bool *ret_quoted)
{
    *ret_quoted = false;
    if (!arg)
        return STR("");
    switch (nodeTag(arg)) {
    case T_Integer:
        return arena_printf(c->arena, "%d", intVal(arg));
    case T_Float:
        return pgtree__str(c, ((Float *)arg)->fval);
    case T_Boolean:
        return boolVal(arg) ? STR("true") : STR("false");
    case T_String:
        *ret_quoted = true;
        return pgtree__str(c, strVal(arg));
    case T_TypeName: {
        Str schema, name;
        pgtree__qualified(c, ((TypeName *)arg)->names, &schema, &name);
        return name;
    }
    case T_List: { /* OWNED BY a.b */
        AstNames names = pgtree__names(c, (List *)arg);
        Str all = STR("");
        for (uint32_t i = 0; i < names.count; i++)
            all = arena_printf(c->arena, "%.*s%s%.*s", STR_FMT(all), i ? "." : "",
                               STR_FMT(names.names[i]));
        return all;
    }
    case T_A_Const: {
        A_Const *constant = (A_Const *)arg;
        return constant->isnull ? STR("") : def_value(c, &constant->val.node, ret_quoted);
    }
    default:
        return STR("");
    }
}

AstOption *pgtree__options(Convert *c, List *list, uint32_t *ret_count)
{
    AstOption *options = ARENA_NEW_ARRAY(c->arena, AstOption, list_length(list));
    ListCell *cell;
    uint32_t count = 0;
    foreach(cell, list)
    {
        DefElem *def = lfirst(cell);
        AstOption *option = &options[count++];
        option->schema = pgtree__str(c, def->defnamespace);
        option->name = pgtree__str(c, def->defname);
        option->has_value = def->arg != NULL;
        option->star = def->arg && IsA(def->arg, A_Star);
        if (def->arg && IsA(def->arg, List))
            option->names = pgtree__names(c, (List *)def->arg);
        else
            option->value = def_value(c, def->arg, &option->quoted);
        option->position = pgtree__position(c, def->location);
    }
    *ret_count = count;
    return options;
}

static void create_unsupported(AstCreateTable *create, Str what, int32_t position)
{
    if (!create->unsupported.len) {
        create->unsupported = what;
        create->unsupported_position = position;
    }
}

static uint32_t convert_like(bits32 options)
{
    return (options & CREATE_TABLE_LIKE_COMMENTS ? AST_LIKE_COMMENTS : 0) |
           (options & CREATE_TABLE_LIKE_CONSTRAINTS ? AST_LIKE_CONSTRAINTS : 0) |
           (options & CREATE_TABLE_LIKE_DEFAULTS ? AST_LIKE_DEFAULTS : 0) |
           (options & CREATE_TABLE_LIKE_GENERATED ? AST_LIKE_GENERATED : 0) |
           (options & CREATE_TABLE_LIKE_IDENTITY ? AST_LIKE_IDENTITY : 0) |
           (options & CREATE_TABLE_LIKE_INDEXES ? AST_LIKE_INDEXES : 0);
}

static AstOnCommit convert_on_commit(OnCommitAction action)
{
    return action == ONCOMMIT_DELETE_ROWS ? AST_ON_COMMIT_DELETE
           : action == ONCOMMIT_DROP      ? AST_ON_COMMIT_DROP
                                          : AST_ON_COMMIT_PRESERVE;
}

static AstCreateTable *convert_create_table(Convert *c, CreateStmt *node)
{
    AstCreateTable *create = ARENA_NEW(c->arena, AstCreateTable);
    ListCell *cell;
    create->table = pgtree__range_var(c, node->relation);
    create->temporary = node->relation->relpersistence == RELPERSISTENCE_TEMP;
    create->if_not_exists = node->if_not_exists;
    create->columns = ARENA_NEW_ARRAY(c->arena, AstColumnDef, list_length(node->tableElts));
    create->constraints = ARENA_NEW_ARRAY(c->arena, AstConstraint, list_length(node->tableElts));
    create->likes = ARENA_NEW_ARRAY(c->arena, AstTableLike, list_length(node->tableElts));
    foreach(cell, node->tableElts)
    {
        Node *item = lfirst(cell);
        if (IsA(item, ColumnDef)) {
            pgtree__column_def(c, (ColumnDef *)item, &create->columns[create->column_count++]);
        } else if (IsA(item, Constraint)) {
            pgtree__constraint(c, (Constraint *)item,
                               &create->constraints[create->constraint_count++]);
        } else {
            AstTableLike *like = &create->likes[create->like_count++];
            like->table = pgtree__range_var(c, ((TableLikeClause *)item)->relation);
            like->before = create->column_count;
            like->options = convert_like(((TableLikeClause *)item)->options);
        }
    }
    create->options = pgtree__options(c, node->options, &create->option_count);
    if (node->inhRelations || node->partbound)
        create_unsupported(create, STR("table inheritance and PARTITION OF"),
                           create->table.position);
    if (node->partspec)
        create_unsupported(create, STR("PARTITION BY"), create->table.position);
    if (node->ofTypename)
        create_unsupported(create, STR("typed tables"), create->table.position);
    create->on_commit = convert_on_commit(node->oncommit);
    return create;
}

static void convert_create_table_as(Convert *c, CreateTableAsStmt *node, AstStatement *statement)
{
    if (!IsA(node->query, SelectStmt)) {
        statement->kind = AST_STATEMENT_UNSUPPORTED;
        statement->unsupported = STR("CREATE TABLE AS EXECUTE");
        return;
    }
    AstCreateTable *create = ARENA_NEW(c->arena, AstCreateTable);
    create->table = pgtree__range_var(c, node->into->rel);
    create->temporary = node->into->rel->relpersistence == RELPERSISTENCE_TEMP;
    create->if_not_exists = node->if_not_exists;
    create->options = pgtree__options(c, node->into->options, &create->option_count);
    create->column_names = pgtree__names(c, node->into->colNames);
    create->with_no_data = node->into->skipData;
    create->source = pgtree__select(c, (SelectStmt *)node->query);
    create->on_commit = convert_on_commit(node->into->onCommit);
    create->materialized = node->objtype == OBJECT_MATVIEW;
    if (create->materialized)
        create->query_text = sql_scan_view_query(statement->text);
    statement->kind = AST_STATEMENT_CREATE_TABLE_AS;
    statement->create_table = create;
}

/* SELECT ... INTO is CREATE TABLE AS; of UNION and its kin the first SELECT has the INTO. */
static void convert_select(Convert *c, SelectStmt *node, AstStatement *statement)
{
    SelectStmt *first = node;
    while (first->larg)
        first = first->larg;
    IntoClause *into = first->intoClause;
    bool top = statement->text.len > 0;
    if (top)
        first->intoClause = NULL;
    statement->kind = AST_STATEMENT_SELECT;
    statement->select = pgtree__select(c, node);
    if (!into || !top)
        return;
    AstCreateTable *create = ARENA_NEW(c->arena, AstCreateTable);
    create->table = pgtree__range_var(c, into->rel);
    create->temporary = into->rel->relpersistence == RELPERSISTENCE_TEMP;
    create->source = statement->select;
    statement->kind = AST_STATEMENT_CREATE_TABLE_AS;
    statement->create_table = create;
}

static void convert_create_view(Convert *c, ViewStmt *node, AstStatement *statement)
{
    AstCreateView *create = ARENA_NEW(c->arena, AstCreateView);
    create->view = pgtree__range_var(c, node->view);
    create->temporary = node->view->relpersistence == RELPERSISTENCE_TEMP;
    create->columns = pgtree__names(c, node->aliases);
    create->query = pgtree__select(c, (SelectStmt *)node->query);
    create->query_text = sql_scan_view_query(statement->text);
    create->replace = node->replace;
    create->check_option = node->withCheckOption == LOCAL_CHECK_OPTION      ? STR("local")
                           : node->withCheckOption == CASCADED_CHECK_OPTION ? STR("cascaded")
                                                                            : STR("");
    create->options = pgtree__options(c, node->options, &create->option_count);
    statement->kind = AST_STATEMENT_CREATE_VIEW;
    statement->create_view = create;
}

static void convert_drop(Convert *c, DropStmt *node, AstStatement *statement)
{
    AstDrop *drop = ARENA_NEW(c->arena, AstDrop);
    ListCell *cell;
    drop->kind = pgtree__object_kind(node->removeType);
    if (drop->kind >= AST_OBJECT_COLUMN) {
        statement->unsupported = sql_scan_command(statement->text);
        return;
    }
    drop->names = ARENA_NEW_ARRAY(c->arena, AstName, list_length(node->objects));
    foreach(cell, node->objects) drop->names[drop->count++] = pgtree__name(c, lfirst(cell));
    drop->if_exists = node->missing_ok;
    drop->cascade = node->behavior == DROP_CASCADE;
    statement->kind = AST_STATEMENT_DROP;
    statement->drop = drop;
}

static void convert_set(Convert *c, VariableSetStmt *node, AstStatement *statement)
{
    AstSet *set = ARENA_NEW(c->arena, AstSet);
    set->name = pgtree__str(c, node->name);
    set->local = node->is_local;
    switch (node->kind) {
    case VAR_SET_VALUE:
        set->kind = AST_SET_VALUE;
        set->values = pgtree__exprs(c, node->args, &set->value_count);
        break;
    case VAR_SET_DEFAULT:
        set->kind = AST_SET_DEFAULT;
        break;
    case VAR_SET_CURRENT:
        set->kind = AST_SET_CURRENT;
        break;
    case VAR_SET_MULTI:
        set->kind = AST_SET_TRANSACTION;
        if (str_eq(set->name, STR("TRANSACTION SNAPSHOT")))
            set->kind = AST_SET_CURRENT;
        else
            set->options = pgtree__options(c, node->args, &set->option_count);
        break;
    case VAR_RESET:
        set->kind = AST_RESET;
        break;
    case VAR_RESET_ALL:
        set->kind = AST_RESET_ALL;
        break;
    }
    statement->kind = AST_STATEMENT_SET;
    statement->set = set;
}

static void convert_transaction(Convert *c, TransactionStmt *node, AstStatement *statement)
{
    AstTransaction *transaction = ARENA_NEW(c->arena, AstTransaction);
    switch (node->kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START:
        transaction->kind = AST_BEGIN;
        transaction->start = node->kind == TRANS_STMT_START;
        break;
    case TRANS_STMT_COMMIT:
        transaction->kind = AST_COMMIT;
        break;
    case TRANS_STMT_ROLLBACK:
        transaction->kind = AST_ROLLBACK;
        break;
    case TRANS_STMT_SAVEPOINT:
        transaction->kind = AST_SAVEPOINT;
        break;
    case TRANS_STMT_RELEASE:
        transaction->kind = AST_RELEASE;
        break;
    case TRANS_STMT_ROLLBACK_TO:
        transaction->kind = AST_ROLLBACK_TO;
        break;
    case TRANS_STMT_PREPARE:
    case TRANS_STMT_COMMIT_PREPARED:
    case TRANS_STMT_ROLLBACK_PREPARED:
        transaction->kind = AST_TWO_PHASE;
        break;
    }
    transaction->chain = node->chain;
    transaction->savepoint = pgtree__str(c, node->savepoint_name);
    transaction->options = pgtree__options(c, node->options, &transaction->option_count);
    statement->kind = AST_STATEMENT_TRANSACTION;
    statement->transaction = transaction;
}

static AstPrepared *new_prepared(Convert *c, AstStatement *statement, AstStatementKind kind,
                                 const char *name)
{
    AstPrepared *prepared = ARENA_NEW(c->arena, AstPrepared);
    prepared->name = pgtree__str(c, name);
    statement->kind = kind;
    statement->prepared = prepared;
    return prepared;
}

static void convert_prepare(Convert *c, PrepareStmt *node, AstStatement *statement)
{
    AstPrepared *prepared = new_prepared(c, statement, AST_STATEMENT_PREPARE, node->name);
    ListCell *cell;
    prepared->types = ARENA_NEW_ARRAY(c->arena, AstType *, list_length(node->argtypes));
    foreach(cell, node->argtypes) prepared->types[prepared->type_count++] =
        pgtree__type(c, lfirst(cell));
    prepared->query = pgtree__statement(c, node->query, -1, 0);
    if (prepared->query)
        prepared->query->text = statement->text;
}

static void convert_fetch(Convert *c, FetchStmt *node, AstStatement *statement)
{
    AstFetch *fetch = ARENA_NEW(c->arena, AstFetch);
    fetch->name = pgtree__str(c, node->portalname);
    fetch->direction = node->direction == FETCH_FORWARD    ? AST_FETCH_FORWARD
                       : node->direction == FETCH_BACKWARD ? AST_FETCH_BACKWARD
                       : node->direction == FETCH_ABSOLUTE ? AST_FETCH_ABSOLUTE
                                                           : AST_FETCH_RELATIVE;
    fetch->count = node->howMany >= FETCH_ALL ? INT64_MAX : node->howMany;
    fetch->move = node->ismove;
    statement->kind = AST_STATEMENT_FETCH;
    statement->fetch = fetch;
}

static void convert_declare(Convert *c, DeclareCursorStmt *node, AstStatement *statement)
{
    AstPrepared *prepared = new_prepared(c, statement, AST_STATEMENT_DECLARE, node->portalname);
    prepared->scroll = node->options & CURSOR_OPT_SCROLL;
    prepared->hold = node->options & CURSOR_OPT_HOLD;
    prepared->binary = node->options & CURSOR_OPT_BINARY;
    prepared->query = pgtree__statement(c, node->query, -1, 0);
    if (prepared->query)
        prepared->query->text = statement->text;
}

static void convert_explain(Convert *c, ExplainStmt *node, AstStatement *statement)
{
    AstExplain *explain = ARENA_NEW(c->arena, AstExplain);
    explain->query = pgtree__statement(c, node->query, -1, 0);
    explain->options = pgtree__options(c, node->options, &explain->option_count);
    statement->kind = AST_STATEMENT_EXPLAIN;
    statement->explain = explain;
}

static void convert_copy(Convert *c, CopyStmt *node, AstStatement *statement)
{
    AstCopy *copy = ARENA_NEW(c->arena, AstCopy);
    if (node->relation)
        copy->table = pgtree__range_var(c, node->relation);
    if (node->query)
        copy->query = pgtree__statement(c, node->query, -1, 0);
    copy->columns = pgtree__names(c, node->attlist);
    copy->from = node->is_from;
    copy->program = node->is_program;
    copy->file = node->filename != NULL;
    copy->where = node->whereClause ? pgtree__expr(c, node->whereClause) : NULL;
    copy->options = pgtree__options(c, node->options, &copy->option_count);
    statement->kind = AST_STATEMENT_COPY;
    statement->copy = copy;
}

static void convert_create_schema(Convert *c, CreateSchemaStmt *node, AstStatement *statement)
{
    ListCell *cell;
    uint32_t count = 0;
    statement->kind = AST_STATEMENT_CREATE_SCHEMA;
    statement->create_schema.name = pgtree__str(c, node->schemaname);
    statement->create_schema.if_not_exists = node->if_not_exists;
    if (node->authrole)
        statement->create_schema.owner = pgtree__role(c, node->authrole);
    AstStatement **elements =
        ARENA_NEW_ARRAY(c->arena, AstStatement *, list_length(node->schemaElts));
    foreach(cell, node->schemaElts)
    {
        AstStatement *element = ARENA_NEW(c->arena, AstStatement);
        element->kind = AST_STATEMENT_UNSUPPORTED;
        element->text = statement->text;
        pgtree__statement_node(c, lfirst(cell), element);
        elements[count++] = element;
    }
    statement->create_schema.elements = elements;
    statement->create_schema.element_count = count;
}

/* The keywords that a statement starts with, for the text of 0A000. */
static Str unsupported_name(Convert *c, const AstStatement *statement)
{
    return arena_str(c->arena, sql_scan_command(statement->text));
}

void pgtree__statement_node(Convert *c, Node *node, AstStatement *statement)
{
    switch (nodeTag(node)) {
    case T_SelectStmt:
        convert_select(c, (SelectStmt *)node, statement);
        return;
    case T_InsertStmt:
        statement->kind = AST_STATEMENT_INSERT;
        statement->insert = pgtree__insert(c, (InsertStmt *)node);
        return;
    case T_UpdateStmt:
        statement->kind = AST_STATEMENT_UPDATE;
        statement->modify = pgtree__update(c, (UpdateStmt *)node);
        return;
    case T_DeleteStmt:
        statement->kind = AST_STATEMENT_DELETE;
        statement->modify = pgtree__delete(c, (DeleteStmt *)node);
        return;
    case T_MergeStmt:
        statement->kind = AST_STATEMENT_MERGE;
        statement->merge = pgtree__merge(c, (MergeStmt *)node);
        return;
    case T_TruncateStmt:
        statement->kind = AST_STATEMENT_TRUNCATE;
        statement->truncate = pgtree__truncate(c, (TruncateStmt *)node);
        return;
    case T_CreateStmt:
        statement->kind = AST_STATEMENT_CREATE_TABLE;
        statement->create_table = convert_create_table(c, (CreateStmt *)node);
        return;
    case T_CreateTableAsStmt:
        convert_create_table_as(c, (CreateTableAsStmt *)node, statement);
        return;
    case T_ViewStmt:
        convert_create_view(c, (ViewStmt *)node, statement);
        return;
    case T_CreateSchemaStmt:
        convert_create_schema(c, (CreateSchemaStmt *)node, statement);
        return;
    case T_DropStmt:
        convert_drop(c, (DropStmt *)node, statement);
        return;
    case T_VariableSetStmt:
        convert_set(c, (VariableSetStmt *)node, statement);
        return;
    case T_VariableShowStmt:
        statement->kind = AST_STATEMENT_SHOW;
        statement->show = pgtree__str(c, ((VariableShowStmt *)node)->name);
        return;
    case T_DiscardStmt:
        statement->kind = AST_STATEMENT_DISCARD;
        statement->discard = (AstDiscard)((DiscardStmt *)node)->target;
        return;
    case T_TransactionStmt:
        convert_transaction(c, (TransactionStmt *)node, statement);
        return;
    case T_PrepareStmt:
        convert_prepare(c, (PrepareStmt *)node, statement);
        return;
    case T_ExecuteStmt: {
        AstPrepared *prepared =
            new_prepared(c, statement, AST_STATEMENT_EXECUTE, ((ExecuteStmt *)node)->name);
        prepared->args = pgtree__exprs(c, ((ExecuteStmt *)node)->params, &prepared->arg_count);
        return;
    }
    case T_DeallocateStmt:
        new_prepared(c, statement, AST_STATEMENT_DEALLOCATE, ((DeallocateStmt *)node)->name);
        return;
    case T_DeclareCursorStmt:
        convert_declare(c, (DeclareCursorStmt *)node, statement);
        return;
    case T_FetchStmt:
        convert_fetch(c, (FetchStmt *)node, statement);
        return;
    case T_ClosePortalStmt:
        new_prepared(c, statement, AST_STATEMENT_CLOSE, ((ClosePortalStmt *)node)->portalname);
        return;
    case T_ExplainStmt:
        convert_explain(c, (ExplainStmt *)node, statement);
        return;
    case T_CheckPointStmt:
        statement->kind = AST_STATEMENT_CHECKPOINT;
        return;
    case T_CopyStmt:
        convert_copy(c, (CopyStmt *)node, statement);
        return;
    default:
        if (!pgtree__ddl(c, node, statement))
            statement->unsupported = unsupported_name(c, statement);
        return;
    }
}

/* `location` -1: a statement inside another, its text is not known. */
AstStatement *pgtree__statement(Convert *c, Node *node, int location, int len)
{
    AstStatement *statement = ARENA_NEW(c->arena, AstStatement);
    statement->kind = AST_STATEMENT_UNSUPPORTED;
    if (!pgtree__enter(c))
        return statement;
    if (location >= 0) {
        Str rest = str_sub(c->text.text, (size_t)location, len ? (size_t)len : SIZE_MAX);
        statement->text = str_trim(rest);
        statement->position =
            sql_text_position(&c->text, (size_t)(statement->text.ptr - c->text.text.ptr));
    } else if (nodeTag(node) != T_SelectStmt && nodeTag(node) != T_InsertStmt &&
               nodeTag(node) != T_UpdateStmt && nodeTag(node) != T_DeleteStmt &&
               nodeTag(node) != T_MergeStmt) {
        statement->unsupported = STR("this statement here");
    }
    if (location >= 0 || !statement->unsupported.len || IsA(node, ExecuteStmt) ||
        IsA(node, CreateTableAsStmt) || IsA(node, DeclareCursorStmt))
        pgtree__statement_node(c, node, statement);
    statement->param_max = c->param_max;
    c->depth--;
    return statement;
}
