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
