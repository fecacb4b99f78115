/* command_session.c - SET, SHOW, RESET, DISCARD and transactions. */
#include "query/query_int.h"

/* ---------------------------------------------------------------- SET */

/* search_path takes a list of names, other settings one value; constants print as they are. */
static Status value_text(const AstExpr *ast, bool quote, Buf *out, Error *err)
{
    bool plain = true;
    if (ast->kind == AST_CAST && ast->arg_count == 1 && str_eq(ast->type->name, STR("interval")) &&
        ast->args[0]->kind == AST_CONST) {
        buf_append_lit(out, "interval '");
        buf_append_str(out, ast->args[0]->text);
        buf_append_byte(out, '\'');
        return STATUS_OK;
    }
    if (ast->kind != AST_CONST)
        return error_set_sql(err, STATUS_INVALID, "42601", ast->position,
                             "SET takes constants only");
    switch (ast->constant) {
    case AST_CONST_NULL:
        return STATUS_OK;
    case AST_CONST_INTEGER:
        buf_printf(out, "%ld", (long)ast->number);
        return STATUS_OK;
    case AST_CONST_BOOL:
        buf_append_str(out, ast->number ? STR("on") : STR("off"));
        return STATUS_OK;
    case AST_CONST_NUMBER:
    case AST_CONST_BITS:
        buf_append_str(out, ast->text);
        return STATUS_OK;
    case AST_CONST_STRING:
        break;
    }
    for (size_t i = 0; i < ast->text.len; i++) {
        char ch = ast->text.ptr[i];
        plain &= (ch >= 'a' && ch <= 'z') || ch == '_' || (i && ch >= '0' && ch <= '9');
    }
    if (!quote || (plain && ast->text.len)) {
        buf_append_str(out, ast->text);
        return STATUS_OK;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < ast->text.len; i++) {
        if (ast->text.ptr[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)ast->text.ptr[i]);
    }
    buf_append_byte(out, '"');
    return STATUS_OK;
}

static Status set_value(Query *query, const AstSet *set, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    bool list = str_eq_nocase(set->name, STR("search_path"));
    if (set->value_count > 1 && !list && !str_eq_nocase(set->name, STR("datestyle")))
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "SET %.*s takes only one argument",
                             STR_FMT(set->name));
    for (uint32_t i = 0; i < set->value_count; i++) {
        if (i)
            buf_append_lit(&text, ", ");
        TRY(value_text(set->values[i], list, &text, err));
    }
    Str value = buf_str(&text);
    return settings__set(query->session, set->name, &value, set->local, err);
}

static const char *option_setting(Str name, bool session_default)
{
    if (str_eq(name, STR("transaction_isolation")))
        return session_default ? "default_transaction_isolation" : "transaction_isolation";
    if (str_eq(name, STR("transaction_read_only")))
        return session_default ? "default_transaction_read_only" : "transaction_read_only";
    if (str_eq(name, STR("transaction_deferrable")))
        return session_default ? "default_transaction_deferrable" : "transaction_deferrable";
    return NULL;
}

/* SET TRANSACTION, SET SESSION CHARACTERISTICS AS TRANSACTION, BEGIN's options. */
static Status transaction_options(Session *session, const AstOption *options, uint32_t count,
                                  bool session_default, Error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *name = option_setting(options[i].name, session_default);
        Str value = options[i].value;
        if (!name)
            continue;
        if (str_eq(value, STR("1")))
            value = STR("on");
        else if (str_eq(value, STR("0")))
            value = STR("off");
        TRY(settings__set(session, str_from(name), &value, !session_default, err));
    }
    return STATUS_OK;
}

Status command__set(Query *query, const AstSet *set, Error *err)
{
    Session *session = query->session;
    query__set_tag(query, set->kind == AST_RESET || set->kind == AST_RESET_ALL ? "RESET" : "SET");
    switch (set->kind) {
    case AST_SET_VALUE:
        return set_value(query, set, err);
    case AST_SET_DEFAULT:
    case AST_RESET:
        return settings__set(session, set->name, NULL, set->local, err);
    case AST_RESET_ALL:
        settings__reset_all(session);
        return STATUS_OK;
    case AST_SET_TRANSACTION: {
        bool session_default = !str_eq_nocase(set->name, STR("TRANSACTION"));
        if (!session_default && !session__in_block(session)) {
            query__notice(query, "25P01", "SET TRANSACTION can only be used in transaction blocks");
            return STATUS_OK;
        }
        return transaction_options(session, set->options, set->option_count, session_default, err);
    }
    case AST_SET_CURRENT:
        break;
    }
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "this form of SET is not supported");
}

Status command__show(Query *query, Str name, Error *err)
{
    Str value;
    query__set_tag(query, "SHOW");
    if (str_eq_nocase(name, STR("all"))) {
        uint32_t count = settings__count();
        Str *texts = ARENA_NEW_ARRAY(&query->arena, Str, 3 * count);
        for (uint32_t i = 0; i < count; i++)
            settings__describe(query->session, i, &texts[3 * i], &texts[3 * i + 1],
                               &texts[3 * i + 2]);
        return query__text_rows(query, texts, count, err);
    }
    if (!settings__get(query->session, name, &value))
        return error_set_sql(err, STATUS_INVALID, "42704", 0,
                             "unrecognized configuration parameter \"%.*s\"", STR_FMT(name));
    if (!value.ptr)
        value = STR("");
    return query__text_rows(query, &value, 1, err);
}

Status command__discard(Query *query, AstDiscard what, Error *err)
{
    Session *session = query->session;
    switch (what) {
    case AST_DISCARD_ALL:
        if (session__in_block(session))
            return error_set_sql(err, STATUS_INVALID, "25001", 0,
                                 "DISCARD ALL cannot run inside a transaction block");
        command__close_cursors(session);
        command__deallocate_all(session);
        settings__reset_all(session);
        query__set_tag(query, "DISCARD ALL");
        return STATUS_OK;
    case AST_DISCARD_PLANS:
        query__set_tag(query, "DISCARD PLANS");
        return STATUS_OK;
    case AST_DISCARD_SEQUENCES:
        query__set_tag(query, "DISCARD SEQUENCES");
        return STATUS_OK;
    case AST_DISCARD_TEMP:
        query__set_tag(query, "DISCARD TEMP");
        return STATUS_OK;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- transactions */

static Status begin(Query *query, const AstTransaction *ast, Error *err)
{
    Session *session = query->session;
    query__set_tag(query, ast->start ? "START TRANSACTION" : "BEGIN");
    if (session__in_block(session)) {
        query__notice(query, "25001", "there is already a transaction in progress");
        return STATUS_OK;
    }
    if (session->txn.state == TRANSACTION_OPEN)
        session->txn.implicit = false; /* what the string did before belongs to the block */
    else
        TRY(session__begin(session, false, err));
    return transaction_options(session, ast->options, ast->option_count, false, err);
}

static Status no_block(Query *query)
{
    query__notice(query, "25P01", "there is no transaction in progress");
    return STATUS_OK;
}

static const char *const chained[] = {"transaction_isolation", "transaction_read_only",
                                      "transaction_deferrable"};

/* AND CHAIN: another transaction with the characteristics of this one, once `end` has ended it. */
static Status chain(Session *session, Status (*end)(Session *session, Error *err), Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    Str values[LUMA_ARRAY_LEN(chained)];
    arena_init(&arena, NULL);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(chained); i++) {
        (void)settings__get(session, str_from(chained[i]), &values[i]);
        values[i] = arena_str(&arena, values[i]);
    }
    TRY(end(session, err));
    TRY(session__begin(session, false, err));
    for (size_t i = 0; i < LUMA_ARRAY_LEN(chained); i++) {
        Str now;
        if (settings__get(session, str_from(chained[i]), &now) && !str_eq(now, values[i]))
            TRY(settings__set(session, str_from(chained[i]), &values[i], true, err));
    }
    return STATUS_OK;
}

static Status roll_back(Session *session, Error *err)
{
    (void)err;
    session__rollback(session);
    return STATUS_OK;
}

static Status end_block(Query *query, const AstTransaction *ast, const char *tag,
                        Status (*end)(Session *session, Error *err), Error *err)
{
    Session *session = query->session;
    query__set_tag(query, "%s", tag);
    if (!session__in_block(session) && ast->chain)
        return error_set_sql(err, STATUS_INVALID, "25P01", 0,
                             "%s AND CHAIN can only be used in transaction blocks", tag);
    if (!session__in_block(session))
        TRY(no_block(query));
    return ast->chain ? chain(session, end, err) : end(session, err);
}

static Status commit(Query *query, const AstTransaction *ast, Error *err)
{
    if (query->session->txn.state == TRANSACTION_FAILED)
        return end_block(query, ast, "ROLLBACK", roll_back, err);
    return end_block(query, ast, "COMMIT", session__commit, err);
}

static Status rollback(Query *query, const AstTransaction *ast, Error *err)
{
    return end_block(query, ast, "ROLLBACK", roll_back, err);
}

Status command__transaction(Query *query, const AstTransaction *ast, Error *err)
{
    switch (ast->kind) {
    case AST_BEGIN:
        return begin(query, ast, err);
    case AST_COMMIT:
        return commit(query, ast, err);
    case AST_ROLLBACK:
        return rollback(query, ast, err);
    case AST_SAVEPOINT:
        query__set_tag(query, "SAVEPOINT");
        return session__savepoint(query->session, ast->savepoint, err);
    case AST_RELEASE:
        query__set_tag(query, "RELEASE");
        return session__release(query->session, ast->savepoint, err);
    case AST_ROLLBACK_TO:
        query__set_tag(query, "ROLLBACK");
        return session__rollback_to(query->session, ast->savepoint, err);
    case AST_TWO_PHASE:
        break;
    }
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "two-phase commit is not supported");
}
