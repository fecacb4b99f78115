/* sql_fuzz.c - any bytes as SQL: parse, bind against a small catalog, verify the plan. */
#include "query/sql/sql_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bind_one(Arena *arena, const AstStatement *statement)
{
    SqlBindOptions options = fake_options(arena, statement);
    Plan plan;
    SqlModify modify;
    SqlCreateTable create;
    Error err = {0};
    switch (statement->kind) {
    case AST_STATEMENT_SELECT:
        if (sql_bind_select(&options, statement->select, &plan, &err) == STATUS_OK) {
            Status status = plan_verify(&plan, &err);
            /* A verifier's bound on depth is no wrong plan. */
            ASSERT(status == STATUS_OK || strstr(err.message, "deep") ||
                   strstr(err.message, "deeper"));
        }
        break;
    case AST_STATEMENT_INSERT:
    case AST_STATEMENT_UPDATE:
    case AST_STATEMENT_DELETE:
    case AST_STATEMENT_MERGE:
        if (sql_bind_modify(&options, statement, &modify, &err) == STATUS_OK)
            ASSERT(plan_verify(&modify.plan, &err) == STATUS_OK || strstr(err.message, "deep"));
        break;
    case AST_STATEMENT_CREATE_TABLE:
        (void)sql_bind_create_table(&options, statement->create_table, &create, &err);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    AstScript script;
    Error err = {0};
    arena_init(&arena, NULL);
    if (sql_parse(&arena, str_make(data, size), &script, &err) == STATUS_OK)
        for (uint32_t i = 0; i < script.count; i++)
            bind_one(&arena, script.statements[i]);
    arena_done(&arena);
    return 0;
}
