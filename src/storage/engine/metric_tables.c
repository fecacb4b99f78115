#include "storage/engine/metric_tables.h"

#include "base/map.h"
#include "base/thread.h"

typedef struct MetricTable {
    uint32_t id;
    Str metric;
    TableColumn *columns; /* owned array, texts in the arena */
    Str *labels;          /* owned array: the label of each column */
    uint32_t column_count;
    uint32_t column_cap;
    uint32_t label_cap;
} MetricTable;

struct MetricTables {
    MemBudget *budget;
    Mutex lock;  /* guards everything below */
    Arena arena; /* texts and MetricTables */
    int64_t charged_bytes;
    Map by_name;          /* metric -> MetricTable */
    MetricTable **tables; /* by id - TABLE_ID_FIRST_METRIC */
    uint32_t count;
    uint32_t cap;
};

MetricTables *metric_tables_new(MemBudget *budget)
{
    MetricTables *tables = MEM_NEW(MetricTables);

    tables->budget = budget;
    arena_init(&tables->arena, NULL);
    mutex_init(&tables->lock);
    return tables;
}

MetricTables *metric_tables_free(MetricTables *tables)
{
    if (!tables)
        return NULL;
    for (uint32_t i = 0; i < tables->count; i++) {
        mem_free(tables->tables[i]->columns);
        mem_free(tables->tables[i]->labels);
    }
    mem_budget_release(tables->budget, tables->charged_bytes);
    mem_free(tables->tables);
    map_done(&tables->by_name);
    arena_done(&tables->arena);
    mutex_done(&tables->lock);
    mem_free(tables);
    return NULL;
}

static void charge(MetricTables *tables, size_t bytes)
{
    tables->charged_bytes += (int64_t)bytes;
    mem_budget_force(tables->budget, (int64_t)bytes);
}

static void add_column(MetricTables *tables, MetricTable *table, Str name, Str label, Type type,
                       bool not_null)
{
    MEM_GROW(table->columns, table->column_cap, table->column_count + 1);
    MEM_GROW(table->labels, table->label_cap, table->column_count + 1);
    table->columns[table->column_count] =
        (TableColumn){.name = name, .type = type, .not_null = not_null, .default_text = STR("")};
    table->labels[table->column_count++] = label;
    charge(tables, sizeof(TableColumn) + sizeof(Str) + name.len + label.len);
}

static bool has_column(const MetricTable *table, Str name)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (str_eq(table->columns[i].name, name))
            return true;
    return false;
}

static void add_label(MetricTables *tables, MetricTable *table, Str label)
{
    for (uint32_t i = METRIC_COLUMN_FIRST_LABEL; i < table->column_count; i++)
        if (str_eq(table->labels[i], label))
            return;
    label = arena_str(&tables->arena, label);
    Str name = label;
    while (has_column(table, name))
        name = arena_printf(&tables->arena, "label_%.*s", STR_FMT(name));
    add_column(tables, table, name, label, TYPE_OF(TEXT), false);
}

static MetricTable *get_table(MetricTables *tables, Str metric)
{
    MetricTable *table = map_get(&tables->by_name, metric);

    if (table || tables->count >= TABLE_ID_FIRST_USER - TABLE_ID_FIRST_METRIC)
        return table;
    table = ARENA_NEW(&tables->arena, MetricTable);
    table->id = TABLE_ID_FIRST_METRIC + tables->count;
    table->metric = arena_str(&tables->arena, metric);
    add_column(tables, table, STR("ts"), STR(""), TYPE_OF(TIMESTAMPTZ), true);
    add_column(tables, table, STR("value"), STR(""), TYPE_OF(FLOAT8), false);
    MEM_GROW(tables->tables, tables->cap, tables->count + 1);
    tables->tables[tables->count++] = table;
    *map_put(&tables->by_name, table->metric, NULL) = table;
    charge(tables, sizeof *table + metric.len);
    return table;
}

static const Table *describe(const MetricTable *table, Arena *arena)
{
    Table *copy = ARENA_NEW(arena, Table);

    *copy = (Table){
        .id = table->id,
        .schema_version = table->column_count,
        .kind = TABLE_METRIC,
        .schema = STR("prom"),
        .name = table->metric,
        .columns = arena_dup(arena, table->columns, sizeof *table->columns * table->column_count),
        .column_count = table->column_count,
        .time_column = METRIC_COLUMN_TS,
        .options = STR("")};
    return copy;
}

Status metric_tables_find(MetricTables *tables, MetricSnapshot *snapshot, Str metric, Arena *arena,
                          const Table **ret_table, Error *err)
{
    CLEANUP(arena_done) Arena scratch = {0};
    const LabelMatcher matcher = {.op = MATCH_EQ, .name = LABEL_NAME, .value = metric};
    StrList names;

    *ret_table = NULL;
    if (!metric.len)
        return STATUS_OK;
    arena_init(&scratch, NULL);
    TRY(metric_store_label_names(snapshot, &matcher, 1, INT64_MIN, INT64_MAX, &scratch, &names,
                                 err));
    if (!names.count)
        return STATUS_OK;
    MUTEX_GUARD(&tables->lock);
    MetricTable *table = get_table(tables, metric);
    if (!table)
        return error_set(err, STATUS_LIMIT, "there are too many metrics for tables of their own");
    for (uint32_t i = 0; i < names.count; i++)
        if (!str_eq(names.items[i], LABEL_NAME))
            add_label(tables, table, names.items[i]);
    *ret_table = describe(table, arena);
    return STATUS_OK;
}

Str metric_tables_label(MetricTables *tables, uint32_t table_id, uint32_t column)
{
    MUTEX_GUARD(&tables->lock);
    uint32_t i = table_id - TABLE_ID_FIRST_METRIC;
    if (table_id < TABLE_ID_FIRST_METRIC || i >= tables->count ||
        column >= tables->tables[i]->column_count)
        return STR("");
    return tables->tables[i]->labels[column];
}
