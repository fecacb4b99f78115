#include "query/func/promql_func.h"

const PromFuncInfo prom_func_infos[PROM_FUNC_COUNT_] = {
#define X(id, name_, result_, args_, variadic_)                                                    \
    [PROM_FUNC_##id] = {STR_INIT(name_), result_, args_, variadic_},
    PROM_FUNC_LIST(X)
#undef X
};

const PromAggInfo prom_agg_infos[PROM_AGG_COUNT_] = {
#define X(id, name_, param_) [PROM_AGG_##id] = {STR_INIT(name_), param_},
    PROM_AGG_LIST(X)
#undef X
};

bool prom_func_find(Str name, PromFunc *ret_func)
{
    for (int i = 0; i < PROM_FUNC_COUNT_; i++) {
        if (str_eq(prom_func_infos[i].name, name)) {
            *ret_func = (PromFunc)i;
            return true;
        }
    }
    return false;
}

static const char *const op_texts[] = {
    [PROM_OP_ADD] = "+",       [PROM_OP_SUB] = "-",         [PROM_OP_MUL] = "*",
    [PROM_OP_DIV] = "/",       [PROM_OP_MOD] = "%",         [PROM_OP_POW] = "^",
    [PROM_OP_ATAN2] = "atan2", [PROM_OP_EQ] = "==",         [PROM_OP_NE] = "!=",
    [PROM_OP_LT] = "<",        [PROM_OP_GT] = ">",          [PROM_OP_LE] = "<=",
    [PROM_OP_GE] = ">=",       [PROM_OP_TRIM_UPPER] = "</", [PROM_OP_TRIM_LOWER] = ">/",
    [PROM_OP_AND] = "and",     [PROM_OP_UNLESS] = "unless", [PROM_OP_OR] = "or",
};

const char *prom_op_text(PromBinaryOp op)
{
    return op_texts[op];
}
