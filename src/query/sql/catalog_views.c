/* catalog_views.c - the frame of system views: finding them, and their rows as batches. */
#include "query/sql/catalog_views_int.h"

/* ---------------------------------------------------------------- cells */

static void push(ViewRows *rows, ViewCell cell)
{
    ARENA_PUSH(rows->arena, rows->cells, rows->count, rows->cap, cell);
}

void view__text(ViewRows *rows, Str text)
{
    push(rows, (ViewCell){.text = text});
}

void view__name(ViewRows *rows, const char *text)
{
    push(rows, (ViewCell){.text = str_from(text)});
}

void view__number(ViewRows *rows, int64_t number)
{
    push(rows, (ViewCell){.number = number});
}

void view__bool(ViewRows *rows, bool value)
{
    push(rows, (ViewCell){.number = value});
}

void view__char(ViewRows *rows, char value)
{
    push(rows, (ViewCell){.number = value});
}

void view__real(ViewRows *rows, double value)
{
    push(rows, (ViewCell){.real = value});
}

void view__null(ViewRows *rows)
{
    push(rows, (ViewCell){.is_null = true});
}

/* ---------------------------------------------------------------- batches */

static void store_cell(Column *column, uint32_t row, const ViewCell *cell)
{
    void *values = column_values(column);
    switch (type_layout(column->type)) {
    case LAYOUT_BIT:
        bit_put(values, row, cell->number);
        break;
    case LAYOUT_INT8:
        ((int8_t *)values)[row] = (int8_t)cell->number;
        break;
    case LAYOUT_INT16:
        ((int16_t *)values)[row] = (int16_t)cell->number;
        break;
    case LAYOUT_INT32:
        ((int32_t *)values)[row] = (int32_t)cell->number;
        break;
    case LAYOUT_INT64:
        ((int64_t *)values)[row] = cell->number;
        break;
    case LAYOUT_FLOAT:
        ((float *)values)[row] = (float)cell->real;
        break;
    case LAYOUT_DOUBLE:
        ((double *)values)[row] = cell->real;
        break;
    case LAYOUT_VIEW:
        ((View *)values)[row] = view_make(cell->text.ptr, cell->text.len);
        break;
    case LAYOUT_FIXED16:
        break;
    }
}

typedef struct ViewScan {
    ViewRows rows;
    uint32_t row_count;
    uint32_t next;
} ViewScan;

typedef struct ViewTable {
    VirtualTable table;
    Schema schema;
    const ViewDef *def;
    CatalogViews *views;
} ViewTable;

static Status next_rows(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const ViewTable *table = ctx;
    ViewScan *scan = *state;
    uint32_t columns = table->def->column_count;
    if (!scan) {
        *state = scan = ARENA_NEW(arena, ViewScan);
        scan->rows = (ViewRows){.views = table->views, .arena = arena, .schema = &table->schema};
        if (table->def->fill)
            table->def->fill(&scan->rows);
        scan->row_count = (uint32_t)(scan->rows.count / columns);
    }
    uint32_t count = LUMA_MIN((uint32_t)BATCH_ROWS, scan->row_count - scan->next);
    TRY(batch_init(ret_batch, arena, &table->schema, count, err));
    for (uint32_t c = 0; c < columns && count; c++) {
        Column *column = &ret_batch->columns[c];
        for (uint32_t r = 0; r < count; r++) {
            const ViewCell *cell = &scan->rows.cells[(size_t)(scan->next + r) * columns + c];
            if (!cell->is_null) {
                store_cell(column, r, cell);
                continue;
            }
            TRY(column_need_validity(column, arena, err));
            bit_clear(column_validity(column), r);
        }
    }
    scan->next += count;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- finding */

const ViewDef *view__at(uint32_t idx)
{
    if (idx < view__relation_count)
        return &view__relations[idx];
    idx -= view__relation_count;
    if (idx < view__type_count)
        return &view__types[idx];
    idx -= view__type_count;
    return idx < view__information_count ? &view__information[idx] : NULL;
}

static const ViewDef *find_view(Str schema, Str name)
{
    const ViewDef *def;
    for (uint32_t i = 0; (def = view__at(i)); i++)
        if (str_eq(str_from(def->name), name) && str_eq(str_from(def->schema), schema))
            return def;
    return NULL;
}

bool catalog_view_exists(Str schema, Str name)
{
    return find_view(schema, name) != NULL;
}

const VirtualTable *catalog_view_make(CatalogViews *views, Str schema, Str name)
{
    const ViewDef *def = find_view(schema, name);
    if (!def)
        return NULL;
    ViewTable *table = ARENA_NEW(views->arena, ViewTable);
    Field *fields = ARENA_NEW_ARRAY(views->arena, Field, def->column_count);
    for (uint32_t i = 0; i < def->column_count; i++)
        fields[i] = (Field){.name = str_from(def->columns[i].name),
                            .type = def->columns[i].type,
                            .table_oid = def->oid,
                            .attnum = (int16_t)(i + 1)};
    table->schema = (Schema){fields, def->column_count};
    table->def = def;
    table->views = views;
    table->table = (VirtualTable){.schema = str_from(def->schema),
                                  .name = str_from(def->name),
                                  .oid = def->oid,
                                  .columns = &table->schema,
                                  .next = next_rows,
                                  .ctx = table};
    return &table->table;
}

uint32_t catalog_view_oid(Str schema, Str name)
{
    const ViewDef *def = find_view(schema, name);
    return def ? def->oid : 0;
}

bool catalog_view_name(uint32_t oid, Str *ret_schema, Str *ret_name)
{
    const ViewDef *def;
    for (uint32_t i = 0; (def = view__at(i)); i++)
        if (def->oid == oid) {
            *ret_schema = str_from(def->schema);
            *ret_name = str_from(def->name);
            return true;
        }
    return false;
}

uint32_t catalog_schema_oid(const CatalogVersion *version, Str schema)
{
    size_t pos = 0;
    const CatalogSchema *have;
    if (str_eq(schema, STR("pg_catalog")))
        return OID_SCHEMA_PG_CATALOG;
    if (str_eq(schema, STR("information_schema")))
        return OID_SCHEMA_INFORMATION;
    while ((have = catalog_next_schema(version, &pos)))
        if (str_eq(have->name, schema))
            return have->id;
    return 0;
}

bool catalog_schema_name(const CatalogVersion *version, uint32_t oid, Str *ret_name)
{
    size_t pos = 0;
    const CatalogSchema *have;
    *ret_name = oid == OID_SCHEMA_PG_CATALOG    ? STR("pg_catalog")
                : oid == OID_SCHEMA_INFORMATION ? STR("information_schema")
                                                : STR("");
    while (!ret_name->len && (have = catalog_next_schema(version, &pos)))
        if (have->id == oid)
            *ret_name = have->name;
    return ret_name->len > 0;
}
