/* catalog_views.c - the frame of system views: finding them, and their rows as batches. */
#include "format/pgtype/pgarray.h"
#include "query/sql/catalog_views_int.h"

/* ---------------------------------------------------------------- columns */

/* Types that LumaDB does not have are given as what they print. */
static Type column_type(Str name)
{
    Type type;
    if (str_eq(name, STR("xid")))
        return TYPE_OF(OID);
    if (type_from_pg_name(name, &type) && type.id != TYPE_ANYARRAY && type.id != TYPE_ANY)
        return type;
    return str_starts(name, STR("_")) || str_eq(name, STR("anyarray")) ? TYPE_ARRAY_OF(TEXT)
                                                                       : TYPE_OF(TEXT);
}

bool view__next_column(const char **columns, ViewColumn *ret)
{
    Str rest = str_from(*columns);
    Str item, name;
    if (!**columns || !str_split(&rest, ',', &item))
        return false;
    *columns = item.ptr + item.len + (item.ptr[item.len] == ',');
    (void)str_split(&item, ' ', &name); /* there is one in each definition */
    ret->not_null = str_ends(item, STR("!"));
    if (ret->not_null)
        item = str_sub(item, 0, item.len - 1);
    ret->name = name;
    ret->type = column_type(item);
    return true;
}

uint32_t view__column_count(const ViewDef *def)
{
    uint32_t count = 1;
    for (const char *at = def->columns; *at; at++)
        count += *at == ',';
    return count;
}

/* ---------------------------------------------------------------- cells */

void view__row(ViewRows *rows)
{
    for (uint32_t i = 0; i < rows->schema->field_count; i++) {
        Layout layout = type_layout(rows->schema->fields[i].type);
        bool vector = rows->schema->fields[i].type.id == TYPE_INT2VECTOR ||
                      rows->schema->fields[i].type.id == TYPE_OIDVECTOR ||
                      rows->schema->fields[i].type.is_array;
        ViewCell cell = {.is_null = !rows->not_null[i] || vector || layout == LAYOUT_FIXED16};
        ARENA_PUSH(rows->arena, rows->cells, rows->count, rows->cap, cell);
    }
    rows->cursor = 0;
}

static ViewCell *cell_of(ViewRows *rows, const char *column, Type *ret_type)
{
    const Schema *schema = rows->schema;
    Str name = str_from(column);
    uint32_t at = rows->cursor % schema->field_count;
    uint32_t tried = 0;
    while (!str_eq(schema->fields[at].name, name)) {
        at = (at + 1) % schema->field_count;
        ASSERT(++tried < schema->field_count);
    }
    rows->cursor = at + 1;
    ViewCell *cell = &rows->cells[rows->count - schema->field_count + at];
    cell->is_null = false;
    *ret_type = schema->fields[at].type;
    return cell;
}

void view__text(ViewRows *rows, const char *column, Str text)
{
    Type type;
    cell_of(rows, column, &type)->text = text;
}

void view__name(ViewRows *rows, const char *column, const char *text)
{
    view__text(rows, column, str_from(text));
}

void view__number(ViewRows *rows, const char *column, int64_t number)
{
    Type type;
    cell_of(rows, column, &type)->number = number;
}

void view__bool(ViewRows *rows, const char *column, bool value)
{
    view__number(rows, column, value);
}

void view__yes_no(ViewRows *rows, const char *column, bool value)
{
    view__text(rows, column, value ? STR("YES") : STR("NO"));
}

void view__real(ViewRows *rows, const char *column, double value)
{
    Type type;
    cell_of(rows, column, &type)->real = value;
}

static void store_cell(Column *column, uint32_t row, const ViewCell *cell);

static void set_array(ViewRows *rows, const char *column, const ViewCell *items, uint32_t count)
{
    Type type;
    Column elements;
    View view;
    ViewCell *cell = cell_of(rows, column, &type);
    Type element = type.is_array                ? type_element(type)
                   : type.id == TYPE_INT2VECTOR ? TYPE_OF(INT2)
                                                : TYPE_OF(OID);
    /* Without memory the cell stays NULL; the batch will fail by itself. */
    cell->is_null = true;
    if (column_init(&elements, rows->arena, element, count, false, NULL) != STATUS_OK)
        return;
    for (uint32_t i = 0; i < count; i++)
        store_cell(&elements, i, &items[i]);
    if (pgarray_make(type, &elements, 0, count, rows->arena, &view, NULL) != STATUS_OK)
        return;
    cell->text = arena_str(rows->arena, view_str(&view));
    cell->is_null = false;
}

void view__numbers(ViewRows *rows, const char *column, const int64_t *numbers, uint32_t count)
{
    ViewCell *items = ARENA_NEW_ARRAY(rows->arena, ViewCell, count + 1);
    for (uint32_t i = 0; i < count; i++)
        items[i] = (ViewCell){.number = numbers[i]};
    set_array(rows, column, items, count);
}

void view__texts(ViewRows *rows, const char *column, const Str *texts, uint32_t count)
{
    ViewCell *items = ARENA_NEW_ARRAY(rows->arena, ViewCell, count + 1);
    for (uint32_t i = 0; i < count; i++)
        items[i] = (ViewCell){.text = texts[i]};
    set_array(rows, column, items, count);
}

const CatalogVersion *view__version(ViewRows *rows)
{
    return rows->views->version(rows->views->ctx);
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
        memcpy((char *)values + 16 * (size_t)row, cell->text.ptr, 16);
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
    bool *not_null;
    const ViewDef *def;
    CatalogViews *views;
} ViewTable;

static Status next_rows(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const ViewTable *table = ctx;
    ViewScan *scan = *state;
    uint32_t columns = table->schema.field_count;
    if (!scan) {
        *state = scan = ARENA_NEW(arena, ViewScan);
        scan->rows = (ViewRows){.views = table->views,
                                .arena = arena,
                                .schema = &table->schema,
                                .not_null = table->not_null};
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

static const ViewDef *find_view(Str schema, Str name)
{
    for (uint32_t i = 0; i < view__def_count; i++)
        if (str_eq(str_from(view__defs[i].name), name) &&
            str_eq(str_from(view__defs[i].schema), schema))
            return &view__defs[i];
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
    uint32_t count = view__column_count(def);
    Field *fields = ARENA_NEW_ARRAY(views->arena, Field, count);
    const char *columns = def->columns;
    ViewColumn column;
    table->not_null = ARENA_NEW_ARRAY(views->arena, bool, count);
    for (uint32_t i = 0; i < count && view__next_column(&columns, &column); i++) {
        fields[i] = (Field){.name = column.name,
                            .type = column.type,
                            .table_oid = def->oid,
                            .attnum = (int16_t)(i + 1)};
        table->not_null[i] = column.not_null;
    }
    table->schema = (Schema){fields, count};
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
    for (uint32_t i = 0; i < view__def_count; i++)
        if (view__defs[i].oid == oid) {
            *ret_schema = str_from(view__defs[i].schema);
            *ret_name = str_from(view__defs[i].name);
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
