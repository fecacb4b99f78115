/* pgtree_ddl.c - PostgreSQL's raw statements of ALTER, sequences, types, indexes, roles and grants
 * -> AstDdl (see sql_pgtree.c). */
#include "query/sql/pgtree_int.h"

#include "catalog/pg_class.h"

AstObjectKind pgtree__object_kind(ObjectType type)
{
    switch (type) {
    case OBJECT_TABLE:
        return AST_OBJECT_TABLE;
    case OBJECT_VIEW:
        return AST_OBJECT_VIEW;
    case OBJECT_SCHEMA:
        return AST_OBJECT_SCHEMA;
    case OBJECT_MATVIEW:
        return AST_OBJECT_MATVIEW;
    case OBJECT_INDEX:
        return AST_OBJECT_INDEX;
    case OBJECT_SEQUENCE:
        return AST_OBJECT_SEQUENCE;
    case OBJECT_TYPE:
        return AST_OBJECT_TYPE;
    case OBJECT_DOMAIN:
        return AST_OBJECT_DOMAIN;
    case OBJECT_COLUMN:
        return AST_OBJECT_COLUMN;
    case OBJECT_TABCONSTRAINT:
        return AST_OBJECT_CONSTRAINT;
    case OBJECT_DOMCONSTRAINT:
        return AST_OBJECT_DOMAIN_CONSTRAINT;
    case OBJECT_ATTRIBUTE:
        return AST_OBJECT_ATTRIBUTE;
    case OBJECT_ROLE:
        return AST_OBJECT_ROLE;
    case OBJECT_DATABASE:
        return AST_OBJECT_DATABASE;
    case OBJECT_FUNCTION:
        return AST_OBJECT_FUNCTION;
    default:
        return AST_OBJECT_OTHER;
    }
}

AstName pgtree__name(Convert *c, Node *object)
{
    AstName name = {0};
    if (!object)
        return name;
    if (IsA(object, List))
        return pgtree__name_list(c, (List *)object);
    if (IsA(object, String))
        name.name = pgtree__str(c, strVal(object));
    else if (IsA(object, TypeName))
        name = pgtree__name_list(c, ((TypeName *)object)->names);
    else if (IsA(object, RangeVar))
        name = pgtree__range_var(c, (RangeVar *)object);
    return name;
}

Str pgtree__role(Convert *c, RoleSpec *role)
{
    switch (role->roletype) {
    case ROLESPEC_CSTRING:
        return pgtree__str(c, role->rolename);
    case ROLESPEC_CURRENT_ROLE:
    case ROLESPEC_CURRENT_USER:
        return STR("current_user");
    case ROLESPEC_SESSION_USER:
        return STR("session_user");
    case ROLESPEC_PUBLIC:
        return STR("public");
    }
    return STR("");
}

static AstNames convert_roles(Convert *c, List *list)
{
    AstNames names = {.names = ARENA_NEW_ARRAY(c->arena, Str, list_length(list))};
    ListCell *cell;
    foreach(cell, list) names.names[names.count++] = pgtree__role(c, lfirst(cell));
    return names;
}

/* ---------------------------------------------------------------- columns and constraints */

static AstConstraintKind constraint_kind(ConstrType type)
{
    switch (type) {
    case CONSTR_NOTNULL:
        return AST_CONSTRAINT_NOT_NULL;
    case CONSTR_DEFAULT:
        return AST_CONSTRAINT_DEFAULT;
    case CONSTR_IDENTITY:
        return AST_CONSTRAINT_IDENTITY;
    case CONSTR_GENERATED:
        return AST_CONSTRAINT_GENERATED;
    case CONSTR_CHECK:
        return AST_CONSTRAINT_CHECK;
    case CONSTR_PRIMARY:
        return AST_CONSTRAINT_PRIMARY;
    case CONSTR_UNIQUE:
        return AST_CONSTRAINT_UNIQUE;
    case CONSTR_EXCLUSION:
        return AST_CONSTRAINT_EXCLUDE;
    case CONSTR_FOREIGN:
        return AST_CONSTRAINT_FOREIGN;
    default: /* NULL, and DEFERRABLE and its kin, which grammar makes nodes of their own */
        return AST_CONSTRAINT_NULL;
    }
}

void pgtree__constraint(Convert *c, Constraint *node, AstConstraint *ret)
{
    *ret = (AstConstraint){.kind = constraint_kind(node->contype)};
    ret->name = pgtree__str(c, node->conname);
    ret->columns = pgtree__names(c, node->keys);
    ret->expr = node->raw_expr ? pgtree__expr(c, node->raw_expr) : NULL;
    ret->options = pgtree__options(c, node->options, &ret->option_count);
    ret->always = node->generated_when == 'a';
    ret->nulls_not_distinct = node->nulls_not_distinct;
    ret->deferrable = node->deferrable;
    ret->not_valid = node->skip_validation;
    ret->using_index = pgtree__str(c, node->indexname);
    ret->position = pgtree__position(c, node->location);
}

void pgtree__column_def(Convert *c, ColumnDef *def, AstColumnDef *column)
{
    ListCell *cell;
    column->name = pgtree__str(c, def->colname);
    column->type = def->typeName ? pgtree__type(c, def->typeName) : NULL;
    column->position = pgtree__position(c, def->location);
    column->constraints = ARENA_NEW_ARRAY(c->arena, AstConstraint, list_length(def->constraints));
    foreach(cell, def->constraints)
        pgtree__constraint(c, lfirst(cell), &column->constraints[column->constraint_count++]);
}

/* ---------------------------------------------------------------- ALTER TABLE */

static void convert_alter_command(Convert *c, AlterTableCmd *node, AstAlterCommand *ret)
{
    ret->name = pgtree__str(c, node->name);
    ret->if_exists = node->missing_ok;
    ret->cascade = node->behavior == DROP_CASCADE;
    switch (node->subtype) {
    case AT_AddColumn:
        ret->kind = AST_ALTER_ADD_COLUMN;
        ret->column = ARENA_NEW(c->arena, AstColumnDef);
        pgtree__column_def(c, (ColumnDef *)node->def, ret->column);
        return;
    case AT_DropColumn:
        ret->kind = AST_ALTER_DROP_COLUMN;
        return;
    case AT_AlterColumnType: {
        ColumnDef *def = (ColumnDef *)node->def;
        ret->kind = AST_ALTER_TYPE;
        ret->type = pgtree__type(c, def->typeName);
        ret->expr = def->raw_default ? pgtree__expr(c, def->raw_default) : NULL;
        return;
    }
    case AT_ColumnDefault:
        ret->kind = AST_ALTER_SET_DEFAULT;
        ret->expr = node->def ? pgtree__expr(c, node->def) : NULL;
        return;
    case AT_SetNotNull:
        ret->kind = AST_ALTER_SET_NOT_NULL;
        return;
    case AT_DropNotNull:
        ret->kind = AST_ALTER_DROP_NOT_NULL;
        return;
    case AT_DropExpression:
        ret->kind = AST_ALTER_DROP_EXPRESSION;
        return;
    case AT_AddIdentity:
        ret->kind = AST_ALTER_ADD_IDENTITY;
        ret->constraint = ARENA_NEW(c->arena, AstConstraint);
        pgtree__constraint(c, (Constraint *)node->def, ret->constraint);
        return;
    case AT_SetIdentity:
        ret->kind = AST_ALTER_SET_IDENTITY;
        ret->options = pgtree__options(c, (List *)node->def, &ret->option_count);
        return;
    case AT_DropIdentity:
        ret->kind = AST_ALTER_DROP_IDENTITY;
        return;
    case AT_AddConstraint:
        ret->kind = AST_ALTER_ADD_CONSTRAINT;
        ret->constraint = ARENA_NEW(c->arena, AstConstraint);
        pgtree__constraint(c, (Constraint *)node->def, ret->constraint);
        return;
    case AT_DropConstraint:
        ret->kind = AST_ALTER_DROP_CONSTRAINT;
        return;
    case AT_ValidateConstraint:
        ret->kind = AST_ALTER_VALIDATE_CONSTRAINT;
        return;
    case AT_ChangeOwner:
        ret->kind = AST_ALTER_OWNER;
        ret->name = pgtree__role(c, node->newowner);
        return;
    case AT_SetRelOptions:
    case AT_ResetRelOptions:
        ret->kind =
            node->subtype == AT_SetRelOptions ? AST_ALTER_SET_OPTIONS : AST_ALTER_RESET_OPTIONS;
        ret->options = pgtree__options(c, (List *)node->def, &ret->option_count);
        return;
    case AT_SetStatistics:
    case AT_SetOptions:
    case AT_ResetOptions:
    case AT_SetStorage:
    case AT_SetCompression:
    case AT_ClusterOn:
    case AT_DropCluster:
    case AT_SetLogged:
    case AT_SetUnLogged:
    case AT_DropOids:
    case AT_ReplicaIdentity:
    case AT_SetTableSpace:
    case AT_SetAccessMethod:
        ret->kind = AST_ALTER_NOTHING;
        return;
    case AT_AddInherit:
    case AT_DropInherit:
        ret->unsupported = STR("table inheritance");
        break;
    case AT_AttachPartition:
    case AT_DetachPartition:
    case AT_DetachPartitionFinalize:
        ret->unsupported = STR("partitions");
        break;
    case AT_EnableRowSecurity:
    case AT_DisableRowSecurity:
    case AT_ForceRowSecurity:
    case AT_NoForceRowSecurity:
        ret->unsupported = STR("row-level security");
        break;
    default:
        ret->unsupported = STR("this form of ALTER TABLE");
        break;
    }
    ret->kind = AST_ALTER_UNSUPPORTED;
}

static void convert_alter_table(Convert *c, AlterTableStmt *node, AstDdl *ddl)
{
    ListCell *cell;
    ddl->kind = AST_DDL_ALTER_TABLE;
    ddl->object = pgtree__object_kind(node->objtype);
    ddl->name = pgtree__range_var(c, node->relation);
    ddl->if_exists = node->missing_ok;
    ddl->commands = ARENA_NEW_ARRAY(c->arena, AstAlterCommand, list_length(node->cmds));
    foreach(cell, node->cmds)
        convert_alter_command(c, lfirst(cell), &ddl->commands[ddl->command_count++]);
}

static void convert_rename(Convert *c, RenameStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_RENAME;
    ddl->object = pgtree__object_kind(node->renameType);
    if (node->relation)
        ddl->name = pgtree__range_var(c, node->relation);
    else if (node->object)
        ddl->name = pgtree__name(c, node->object);
    ddl->sub = pgtree__str(c, node->subname);
    if (ddl->object == AST_OBJECT_SCHEMA || ddl->object == AST_OBJECT_ROLE ||
        ddl->object == AST_OBJECT_DATABASE)
        ddl->name.name = ddl->sub;
    ddl->new_name = pgtree__str(c, node->newname);
    ddl->if_exists = node->missing_ok;
    ddl->cascade = node->behavior == DROP_CASCADE;
}

static void convert_set_schema(Convert *c, AlterObjectSchemaStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_SET_SCHEMA;
    ddl->object = pgtree__object_kind(node->objectType);
    ddl->name =
        node->relation ? pgtree__range_var(c, node->relation) : pgtree__name(c, node->object);
    ddl->new_name = pgtree__str(c, node->newschema);
    ddl->if_exists = node->missing_ok;
}

static void convert_owner(Convert *c, AlterOwnerStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_OWNER;
    ddl->object = pgtree__object_kind(node->objectType);
    ddl->name =
        node->relation ? pgtree__range_var(c, node->relation) : pgtree__name(c, node->object);
    ddl->new_name = pgtree__role(c, node->newowner);
}

/* ---------------------------------------------------------------- sequences, types */

static void convert_sequence_options(Convert *c, List *options, AstDdl *ddl)
{
    ListCell *cell;
    ddl->options = pgtree__options(c, options, &ddl->option_count);
    foreach(cell, options)
    {
        DefElem *def = lfirst(cell);
        if (strcmp(def->defname, "owned_by") == 0)
            ddl->owned_by = pgtree__names(c, (List *)def->arg);
    }
}

static void convert_create_sequence(Convert *c, CreateSeqStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_CREATE_SEQUENCE;
    ddl->name = pgtree__range_var(c, node->sequence);
    ddl->temporary = node->sequence->relpersistence == RELPERSISTENCE_TEMP;
    ddl->if_not_exists = node->if_not_exists;
    convert_sequence_options(c, node->options, ddl);
}

static void convert_alter_sequence(Convert *c, AlterSeqStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_ALTER_SEQUENCE;
    ddl->name = pgtree__range_var(c, node->sequence);
    ddl->if_exists = node->missing_ok;
    convert_sequence_options(c, node->options, ddl);
}

static void convert_alter_enum(Convert *c, AlterEnumStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_ALTER_ENUM;
    ddl->name = pgtree__name_list(c, node->typeName);
    ddl->enum_change = (AstEnumChange){.old_name = pgtree__str(c, node->oldVal),
                                       .new_name = pgtree__str(c, node->newVal),
                                       .neighbor = pgtree__str(c, node->newValNeighbor),
                                       .after = node->newValIsAfter,
                                       .if_not_exists = node->skipIfNewValExists};
}

static void convert_create_domain(Convert *c, CreateDomainStmt *node, AstDdl *ddl)
{
    ListCell *cell;
    ddl->kind = AST_DDL_CREATE_DOMAIN;
    ddl->name = pgtree__name_list(c, node->domainname);
    ddl->type = pgtree__type(c, node->typeName);
    ddl->constraints = ARENA_NEW_ARRAY(c->arena, AstConstraint, list_length(node->constraints));
    foreach(cell, node->constraints)
        pgtree__constraint(c, lfirst(cell), &ddl->constraints[ddl->constraint_count++]);
}

static void convert_alter_domain(Convert *c, AlterDomainStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_ALTER_DOMAIN;
    ddl->name = pgtree__name_list(c, node->typeName);
    ddl->sub = pgtree__str(c, node->name);
    ddl->if_exists = node->missing_ok;
    ddl->cascade = node->behavior == DROP_CASCADE;
    switch (node->subtype) {
    case 'T':
        ddl->domain_change = AST_DOMAIN_SET_DEFAULT;
        ddl->expr = node->def ? pgtree__expr(c, node->def) : NULL;
        break;
    case 'N':
        ddl->domain_change = AST_DOMAIN_DROP_NOT_NULL;
        break;
    case 'O':
        ddl->domain_change = AST_DOMAIN_SET_NOT_NULL;
        break;
    case 'C':
        ddl->domain_change = AST_DOMAIN_ADD_CONSTRAINT;
        ddl->constraints = ARENA_NEW(c->arena, AstConstraint);
        ddl->constraint_count = 1;
        pgtree__constraint(c, (Constraint *)node->def, ddl->constraints);
        break;
    case 'X':
        ddl->domain_change = AST_DOMAIN_DROP_CONSTRAINT;
        break;
    default:
        ddl->domain_change = AST_DOMAIN_VALIDATE_CONSTRAINT;
        break;
    }
}

static void convert_composite(Convert *c, CompositeTypeStmt *node, AstDdl *ddl)
{
    ListCell *cell;
    ddl->kind = AST_DDL_CREATE_COMPOSITE;
    ddl->name = pgtree__range_var(c, node->typevar);
    ddl->columns = ARENA_NEW_ARRAY(c->arena, AstColumnDef, list_length(node->coldeflist));
    foreach(cell, node->coldeflist)
        pgtree__column_def(c, lfirst(cell), &ddl->columns[ddl->column_count++]);
}

/* ---------------------------------------------------------------- indexes, comments */

static void convert_index_column(Convert *c, IndexElem *node, AstIndexColumn *ret)
{
    ret->name = pgtree__str(c, node->name);
    ret->expr = node->expr ? pgtree__expr(c, node->expr) : NULL;
    ret->descending = node->ordering == SORTBY_DESC;
    ret->nulls_given = node->nulls_ordering != SORTBY_NULLS_DEFAULT;
    ret->nulls_first = node->nulls_ordering == SORTBY_NULLS_FIRST;
    if (node->opclass)
        ret->operator_class = pgtree__name_list(c, node->opclass).name;
    if (node->collation)
        ret->collation = pgtree__name_list(c, node->collation).name;
}

static void convert_index(Convert *c, IndexStmt *node, AstDdl *ddl)
{
    int count = list_length(node->indexParams) + list_length(node->indexIncludingParams);
    ListCell *cell;
    ddl->kind = AST_DDL_CREATE_INDEX;
    ddl->name.name = pgtree__str(c, node->idxname);
    ddl->table = pgtree__range_var(c, node->relation);
    ddl->method = pgtree__str(c, node->accessMethod);
    ddl->unique = node->unique;
    ddl->nulls_not_distinct = node->nulls_not_distinct;
    ddl->if_not_exists = node->if_not_exists;
    ddl->where = node->whereClause ? pgtree__expr(c, node->whereClause) : NULL;
    ddl->index_columns = ARENA_NEW_ARRAY(c->arena, AstIndexColumn, count);
    foreach(cell, node->indexParams)
        convert_index_column(c, lfirst(cell), &ddl->index_columns[ddl->index_column_count++]);
    foreach(cell, node->indexIncludingParams)
        convert_index_column(c, lfirst(cell), &ddl->index_columns[ddl->index_column_count++]);
    ddl->include_count = (uint32_t)list_length(node->indexIncludingParams);
}

static void convert_comment(Convert *c, CommentStmt *node, AstDdl *ddl)
{
    ddl->kind = AST_DDL_COMMENT;
    ddl->object = pgtree__object_kind(node->objtype);
    ddl->has_text = node->comment != NULL;
    ddl->new_name = pgtree__str(c, node->comment);
    if (ddl->object == AST_OBJECT_DOMAIN_CONSTRAINT) {
        List *parts = (List *)node->object;
        ddl->name = pgtree__name(c, linitial(parts));
        ddl->sub = pgtree__str(c, strVal(lsecond(parts)));
        return;
    }
    ddl->name = pgtree__name(c, node->object);
    if (ddl->object == AST_OBJECT_COLUMN || ddl->object == AST_OBJECT_CONSTRAINT) {
        /* table.column: the last part is the column */
        ddl->sub = ddl->name.name;
        ddl->name = (AstName){.schema = ddl->name.catalog, .name = ddl->name.schema};
    }
}

/* ---------------------------------------------------------------- roles and grants */

static void convert_role(Convert *c, Node *node, AstDdl *ddl)
{
    if (IsA(node, CreateRoleStmt)) {
        CreateRoleStmt *create = (CreateRoleStmt *)node;
        ddl->kind = AST_DDL_CREATE_ROLE;
        ddl->name.name = pgtree__str(c, create->role);
        ddl->is_user = create->stmt_type == ROLESTMT_USER;
        ddl->options = pgtree__options(c, create->options, &ddl->option_count);
    } else if (IsA(node, AlterRoleStmt)) {
        AlterRoleStmt *alter = (AlterRoleStmt *)node;
        ddl->kind = AST_DDL_ALTER_ROLE;
        ddl->name.name = pgtree__role(c, alter->role);
        ddl->options = pgtree__options(c, alter->options, &ddl->option_count);
    } else {
        ddl->kind = AST_DDL_DROP_ROLE;
        ddl->names = convert_roles(c, ((DropRoleStmt *)node)->roles);
        ddl->if_exists = ((DropRoleStmt *)node)->missing_ok;
    }
}

static void convert_grant(Convert *c, GrantStmt *node, AstDdl *ddl)
{
    ListCell *cell;
    ddl->kind = AST_DDL_GRANT;
    ddl->object = pgtree__object_kind(node->objtype);
    ddl->revoke = !node->is_grant;
    ddl->grant_option = node->grant_option;
    ddl->cascade = node->behavior == DROP_CASCADE;
    ddl->all_in_schema = node->targtype == ACL_TARGET_ALL_IN_SCHEMA;
    ddl->objects = ARENA_NEW_ARRAY(c->arena, AstName, list_length(node->objects));
    foreach(cell, node->objects) ddl->objects[ddl->object_count++] = pgtree__name(c, lfirst(cell));
    ddl->privileges.names = ARENA_NEW_ARRAY(c->arena, Str, list_length(node->privileges));
    foreach(cell, node->privileges)
    {
        AccessPriv *privilege = lfirst(cell);
        ddl->privilege_columns |= privilege->cols != NIL;
        ddl->privileges.names[ddl->privileges.count++] = pgtree__str(c, privilege->priv_name);
    }
    ddl->roles = convert_roles(c, node->grantees);
}

static void convert_grant_role(Convert *c, GrantRoleStmt *node, AstDdl *ddl)
{
    ListCell *cell;
    ddl->kind = AST_DDL_GRANT_ROLE;
    ddl->revoke = !node->is_grant;
    ddl->names.names = ARENA_NEW_ARRAY(c->arena, Str, list_length(node->granted_roles));
    foreach(cell, node->granted_roles) ddl->names.names[ddl->names.count++] =
        pgtree__str(c, ((AccessPriv *)lfirst(cell))->priv_name);
    ddl->roles = convert_roles(c, node->grantee_roles);
}

/* ---------------------------------------------------------------- all */

bool pgtree__ddl(Convert *c, Node *node, AstStatement *statement)
{
    AstDdl *ddl = ARENA_NEW(c->arena, AstDdl);
    switch (nodeTag(node)) {
    case T_AlterTableStmt:
        convert_alter_table(c, (AlterTableStmt *)node, ddl);
        break;
    case T_RenameStmt:
        convert_rename(c, (RenameStmt *)node, ddl);
        break;
    case T_AlterObjectSchemaStmt:
        convert_set_schema(c, (AlterObjectSchemaStmt *)node, ddl);
        break;
    case T_AlterOwnerStmt:
        convert_owner(c, (AlterOwnerStmt *)node, ddl);
        break;
    case T_CreateSeqStmt:
        convert_create_sequence(c, (CreateSeqStmt *)node, ddl);
        break;
    case T_AlterSeqStmt:
        convert_alter_sequence(c, (AlterSeqStmt *)node, ddl);
        break;
    case T_CreateEnumStmt:
        ddl->kind = AST_DDL_CREATE_ENUM;
        ddl->name = pgtree__name_list(c, ((CreateEnumStmt *)node)->typeName);
        ddl->labels = pgtree__names(c, ((CreateEnumStmt *)node)->vals);
        break;
    case T_AlterEnumStmt:
        convert_alter_enum(c, (AlterEnumStmt *)node, ddl);
        break;
    case T_CreateDomainStmt:
        convert_create_domain(c, (CreateDomainStmt *)node, ddl);
        break;
    case T_AlterDomainStmt:
        convert_alter_domain(c, (AlterDomainStmt *)node, ddl);
        break;
    case T_CompositeTypeStmt:
        convert_composite(c, (CompositeTypeStmt *)node, ddl);
        break;
    case T_IndexStmt:
        convert_index(c, (IndexStmt *)node, ddl);
        break;
    case T_ReindexStmt:
        ddl->kind = AST_DDL_REINDEX;
        ddl->object = ((ReindexStmt *)node)->kind == REINDEX_OBJECT_INDEX   ? AST_OBJECT_INDEX
                      : ((ReindexStmt *)node)->kind == REINDEX_OBJECT_TABLE ? AST_OBJECT_TABLE
                                                                            : AST_OBJECT_SCHEMA;
        if (((ReindexStmt *)node)->relation)
            ddl->name = pgtree__range_var(c, ((ReindexStmt *)node)->relation);
        break;
    case T_CommentStmt:
        convert_comment(c, (CommentStmt *)node, ddl);
        break;
    case T_CreateRoleStmt:
    case T_AlterRoleStmt:
    case T_DropRoleStmt:
        convert_role(c, node, ddl);
        break;
    case T_GrantStmt:
        convert_grant(c, (GrantStmt *)node, ddl);
        break;
    case T_GrantRoleStmt:
        convert_grant_role(c, (GrantRoleStmt *)node, ddl);
        break;
    case T_RefreshMatViewStmt:
        ddl->kind = AST_DDL_REFRESH;
        ddl->name = pgtree__range_var(c, ((RefreshMatViewStmt *)node)->relation);
        ddl->with_no_data = ((RefreshMatViewStmt *)node)->skipData;
        break;
    default:
        return false;
    }
    statement->kind = AST_STATEMENT_DDL;
    statement->ddl = ddl;
    return true;
}
