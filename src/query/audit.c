/* audit.c - which statements the audit log hears of, and how they are told.
 *
 * Statements that read, write rows or belong to the session are not told, DELETE apart; what was
 * denied always is. The text is cut before anything that may be a password. */
#include "query/query_int.h"
#include "query/sql/sql_scan.h"

enum { TEXT_BYTES_MAX = 256, ACTION_BYTES_MAX = 64 };

static bool is_told(const AstStatement *ast)
{
    switch (ast->kind) {
    case AST_STATEMENT_SELECT:
    case AST_STATEMENT_INSERT:
    case AST_STATEMENT_UPDATE:
    case AST_STATEMENT_SET:
    case AST_STATEMENT_SHOW:
    case AST_STATEMENT_DISCARD:
    case AST_STATEMENT_TRANSACTION:
    case AST_STATEMENT_PREPARE:
    case AST_STATEMENT_EXECUTE:
    case AST_STATEMENT_DEALLOCATE:
    case AST_STATEMENT_DECLARE:
    case AST_STATEMENT_FETCH:
    case AST_STATEMENT_CLOSE:
    case AST_STATEMENT_EXPLAIN:
    case AST_STATEMENT_CHECKPOINT:
    case AST_STATEMENT_COPY:
    case AST_STATEMENT_UNSUPPORTED:
        return false;
    default: /* what changes the catalog or deletes, whatever there will be */
        return true;
    }
}

static ptrdiff_t find_nocase(Str text, Str word)
{
    for (size_t i = 0; i + word.len <= text.len; i++)
        if (str_eq_nocase(str_sub(text, i, word.len), word))
            return (ptrdiff_t)i;
    return -1;
}

Str audit__shown_text(Str text, size_t bytes_max)
{
    ptrdiff_t secret = find_nocase(text, STR("password"));

    if (secret >= 0)
        text.len = (size_t)secret;
    if (text.len > bytes_max) {
        text.len = bytes_max;
        while (text.len && ((uint8_t)text.ptr[text.len] & 0xC0) == 0x80)
            text.len--;
    }
    return str_trim(text);
}

void audit__statement(const Session *session, const AstStatement *ast, Str tag, const Error *error)
{
    const QueryOptions *options = &session->engine->options;
    bool denied = error && !strcmp(error->sqlstate, "42501");

    char action[ACTION_BYTES_MAX];

    if (!options->on_audit || !(denied || is_told(ast)))
        return;
    Str command = sql_scan_command(ast->text);
    if (!command.len) { /* a statement inside another has no text: EXECUTE */
        ptrdiff_t blank = str_find_byte(tag, ' ');
        command = blank < 0 ? tag : str_sub(tag, 0, (size_t)blank);
    }
    command = str_sub(command, 0, sizeof action);
    for (size_t i = 0; i < command.len; i++)
        action[i] = command.ptr[i] >= 'a' && command.ptr[i] <= 'z' ? (char)(command.ptr[i] - 32)
                                                                   : command.ptr[i];
    options->on_audit(options->audit_ctx,
                      &(QueryAudit){.user = str_from(session->user),
                                    .address = str_from(session->address),
                                    .protocol = str_from(session->protocol),
                                    .action = {action, command.len},
                                    .object = audit__shown_text(ast->text, TEXT_BYTES_MAX),
                                    .error = error,
                                    .tag = tag});
}
