/* func_domain.c - what casts to domains call: a name that no query can write. */
#include "query/func/func_int.h"

/* condition, domain, constraint ("" = NOT NULL): true, or the domain's error where the condition is
 * false. */
ROW_KERNEL_NULLABLE(domain_check)
{
    SET_BOOL(true);
    if (column_is_null(&args[0], row) || column_bool(&args[0], row))
        return STATUS_OK;
    Str domain = ARG_STR(1);
    Str constraint = ARG_STR(2);
    if (!constraint.len)
        return error_set_sql(err, STATUS_INVALID, "23502", 0,
                             "domain %.*s does not allow null values", STR_FMT(domain));
    return error_set_sql(err, STATUS_INVALID, "23514", 0,
                         "value for domain %.*s violates check constraint \"%.*s\"",
                         STR_FMT(domain), STR_FMT(constraint));
}

static const Function functions[] = {
    {.name = "*domain check*",
     .oid = 9000900,
     .arg_count = 3,
     .args = {T(BOOL), T(TEXT), T(TEXT)},
     .ret = T(BOOL),
     .kernel = domain_check},
};
const FuncTable func__domain_table = {functions, LUMA_ARRAY_LEN(functions)};
