/* registry.c - finds functions, casts and aggregates by name or type.
 *
 * The files of functions give constant tables; at first use all of them are gathered into one
 * array, own OIDs are numbered, and names are hashed. Immutable afterwards. */
#include <pthread.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/map.h"
#include "query/func/func_int.h"

enum { OID_FIRST_OWN = 9000000, OID_OWN_SPAN = 900000 };

/* All overloads of one name, in table order. */
typedef struct Overloads {
    const void **items;
    uint32_t count;
    uint32_t cap;
} Overloads;

typedef struct Registry {
    Map functions; /* name -> Overloads of Function */
    Map operators;
    Map aggregates;
    Map table_functions;
    const Function **all;
    uint32_t all_count;
    const Aggregate **all_aggregates;
    uint32_t all_aggregate_count;
    const TableFunction **all_sets;
    uint32_t all_set_count;
    const Cast *casts[TYPE_COUNT_ * 2][TYPE_COUNT_ * 2]; /* by type_index of from and to */
} Registry;

static Registry registry;
static pthread_once_t registry_once = PTHREAD_ONCE_INIT;

static size_t type_index(Type t)
{
    return t.id + (t.is_array ? (size_t)TYPE_COUNT_ : 0);
}

static void add_overload(Map *map, const char *name, const void *item)
{
    Overloads **slot = (Overloads **)map_put(map, str_from(name), NULL);
    if (!*slot)
        *slot = MEM_NEW(Overloads);
    MEM_GROW((*slot)->items, (*slot)->cap, (*slot)->count + 1);
    (*slot)->items[(*slot)->count++] = item;
}

/* Own OIDs must not move when functions are added: they come from the signature's hash, the next
 * free number on a collision. */
static uint32_t own_oid(Map *taken, const char *name, bool is_operator, const Type *args,
                        uint32_t arg_count)
{
    char text[160];
    int len = snprintf(text, sizeof text, "%c%.60s", is_operator ? 'o' : 'f', name);
    for (uint32_t i = 0; i < arg_count; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, ",%u%s", type_oid(args[i]),
                        args[i].is_array ? "[]" : "");
    uint32_t oid = OID_FIRST_OWN + (uint32_t)(hash64(text, (size_t)len, 0) % OID_OWN_SPAN);
    for (;; oid++) {
        char key[16];
        snprintf(key, sizeof key, "%u", oid);
        if (map_get(taken, str_from(key)))
            continue;
        *map_put(taken, str_from(mem_strdup(key)), NULL) = taken;
        return oid;
    }
}

static void free_keys(Map *map)
{
    size_t pos = 0;
    for (const MapSlot *slot; (slot = map_next(map, &pos));)
        mem_free((void *)(uintptr_t)slot->key.ptr);
    map_done(map);
}

static void gather_functions(Map *taken)
{
    static const FuncTable *const tables[] = {
#define X(name) &func__##name##_table,
        FUNC_TABLES(X)
#undef X
    };
    uint32_t cap = 0;
    for (size_t t = 0; t < LUMA_ARRAY_LEN(tables); t++) {
        for (uint32_t i = 0; i < tables[t]->count; i++) {
            const Function *function = &tables[t]->functions[i];
            if (!function->oid) {
                Function *copy = mem_dup(function, sizeof *function);
                copy->oid =
                    own_oid(taken, copy->name, copy->is_operator, copy->args, copy->arg_count);
                function = copy;
            }
            MEM_GROW(registry.all, cap, registry.all_count + 1);
            registry.all[registry.all_count++] = function;
            add_overload(function->is_operator ? &registry.operators : &registry.functions,
                         function->name, function);
        }
    }
}

static void gather_aggregates(Map *taken)
{
    static const AggregateTable *const tables[] = {
#define X(name) &func__##name##_aggregates,
        AGGREGATE_TABLES(X)
#undef X
    };
    uint32_t cap = 0;
    for (size_t t = 0; t < LUMA_ARRAY_LEN(tables); t++) {
        for (uint32_t i = 0; i < tables[t]->count; i++) {
            const Aggregate *aggregate = &tables[t]->aggregates[i];
            if (!aggregate->oid) {
                Aggregate *copy = mem_dup(aggregate, sizeof *aggregate);
                copy->oid = own_oid(taken, copy->name, false, copy->args, copy->arg_count);
                aggregate = copy;
            }
            MEM_GROW(registry.all_aggregates, cap, registry.all_aggregate_count + 1);
            registry.all_aggregates[registry.all_aggregate_count++] = aggregate;
            add_overload(&registry.aggregates, aggregate->name, aggregate);
        }
    }
}

static void gather_table_functions(Map *taken)
{
    static const TableFunctionTable *const tables[] = {
#define X(name) &func__##name##_sets,
        TABLE_FUNCTION_TABLES(X)
#undef X
    };
    uint32_t cap = 0;
    for (size_t t = 0; t < LUMA_ARRAY_LEN(tables); t++) {
        for (uint32_t i = 0; i < tables[t]->count; i++) {
            const TableFunction *function = &tables[t]->functions[i];
            if (!function->oid) {
                TableFunction *copy = mem_dup(function, sizeof *function);
                copy->oid = own_oid(taken, copy->name, false, copy->args, copy->arg_count);
                function = copy;
            }
            MEM_GROW(registry.all_sets, cap, registry.all_set_count + 1);
            registry.all_sets[registry.all_set_count++] = function;
            add_overload(&registry.table_functions, function->name, function);
        }
    }
}

static Type type_at(size_t idx)
{
    return (Type){.id = (uint8_t)(idx % TYPE_COUNT_), .is_array = idx >= TYPE_COUNT_, .typmod = -1};
}

static void gather_generic_casts(void)
{
    for (size_t from = 0; from < TYPE_COUNT_ * 2; from++) {
        for (size_t to = 0; to < TYPE_COUNT_ * 2; to++) {
            Cast cast;
            if (!registry.casts[from][to] && func__cast_generic(type_at(from), type_at(to), &cast))
                registry.casts[from][to] = mem_dup(&cast, sizeof cast);
        }
    }
}

static void gather(void)
{
    Map taken = {0};
    gather_functions(&taken);
    gather_aggregates(&taken);
    gather_table_functions(&taken);
    for (uint32_t i = 0; i < func__casts.count; i++) {
        const Cast *cast = &func__casts.casts[i];
        const Cast **slot = &registry.casts[type_index(cast->from)][type_index(cast->to)];
        if (!*slot)
            *slot = cast;
    }
    gather_generic_casts();
    free_keys(&taken);
}

static const void *const *find(Map *map, Str name, uint32_t *ret_count)
{
    pthread_once(&registry_once, gather);
    const Overloads *overloads = map_get(map, name);
    *ret_count = overloads ? overloads->count : 0;
    return overloads ? overloads->items : NULL;
}

const Function *const *func_find(Str name, bool is_operator, uint32_t *ret_count)
{
    return (const Function *const *)find(is_operator ? &registry.operators : &registry.functions,
                                         name, ret_count);
}

const Aggregate *const *func_find_aggregate(Str name, uint32_t *ret_count)
{
    return (const Aggregate *const *)find(&registry.aggregates, name, ret_count);
}

const TableFunction *const *func_find_table_function(Str name, uint32_t *ret_count)
{
    return (const TableFunction *const *)find(&registry.table_functions, name, ret_count);
}

const Cast *func_find_cast(Type from, Type to)
{
    pthread_once(&registry_once, gather);
    if (from.id >= TYPE_COUNT_ || to.id >= TYPE_COUNT_)
        return NULL;
    return registry.casts[type_index(from)][type_index(to)];
}

const Function *const *func_all(uint32_t *ret_count)
{
    pthread_once(&registry_once, gather);
    *ret_count = registry.all_count;
    return registry.all;
}

const Aggregate *const *func_all_aggregates(uint32_t *ret_count)
{
    pthread_once(&registry_once, gather);
    *ret_count = registry.all_aggregate_count;
    return registry.all_aggregates;
}

const TableFunction *const *func_all_table_functions(uint32_t *ret_count)
{
    pthread_once(&registry_once, gather);
    *ret_count = registry.all_set_count;
    return registry.all_sets;
}
