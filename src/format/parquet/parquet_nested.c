/* parquet_nested.c - rows of nested columns out of the levels of their leaves (the Dremel paper's
 * record assembly).
 *
 * Every leaf of a subtree has a cursor. An absent or empty group takes one entry from each of its
 * leaves; an element of a repeated node is followed by another one as long as the next repetition
 * level equals the node's.
 */
#include "format/json/json.h"
#include "format/parquet/parquet_int.h"
#include "format/pgtype/pgarray.h"

enum { JSON_BYTES_MAX = 256 << 20 };

/* ---- shapes ---- */

/* The repeated node under a LIST, or the element itself where old writers have no middle layer
 * (LogicalTypes.md "Backward-compatibility rules"). */
static bool is_middle(const ParquetMeta *meta, int32_t repeated, const ParquetNode *list)
{
    const ParquetNode *node = &meta->nodes[repeated];

    if (node->is_leaf || node->child_count != 1)
        return false;
    if (str_eq(node->name, STR("array")))
        return false;
    return !(node->name.len == list->name.len + 6 && str_starts(node->name, list->name) &&
             str_ends(node->name, STR("_tuple")));
}

static bool is_list(const ParquetMeta *meta, int32_t node)
{
    const ParquetNode *n = &meta->nodes[node];
    return n->logical == PARQUET_LOGICAL_LIST && n->child_count == 1 &&
           n->repetition != PARQUET_REPEATED &&
           meta->nodes[node + 1].repetition == PARQUET_REPEATED;
}

static bool is_map(const ParquetMeta *meta, int32_t node)
{
    const ParquetNode *n = &meta->nodes[node];
    return n->logical == PARQUET_LOGICAL_MAP && n->child_count == 1 &&
           n->repetition != PARQUET_REPEATED && !meta->nodes[node + 1].is_leaf &&
           meta->nodes[node + 1].repetition == PARQUET_REPEATED &&
           meta->nodes[node + 1].child_count == 2 && meta->nodes[node + 2].is_leaf &&
           meta->nodes[node + 2].repetition != PARQUET_REPEATED;
}

int32_t parquet__list_element(const ParquetMeta *meta, int32_t node)
{
    const ParquetNode *n = &meta->nodes[node];

    if (n->is_leaf)
        return n->repetition == PARQUET_REPEATED ? node : -1;
    if (!is_list(meta, node))
        return -1;
    int32_t repeated = node + 1;
    int32_t element = is_middle(meta, repeated, n) ? repeated + 1 : repeated;
    bool leaf = meta->nodes[element].is_leaf &&
                (element == repeated || meta->nodes[element].repetition != PARQUET_REPEATED);
    return leaf ? element : -1;
}

/* ---- arrays ---- */

static Status assemble_arrays(const ParquetFile *file, const ParquetColumn *column, LeafEntries *e,
                              uint32_t n, Arena *arena, Column *ret, Error *err)
{
    const ParquetNode *top = &file->meta.nodes[column->node];
    const ParquetNode *element = &file->meta.nodes[column->element];
    /* Levels from which on the list is there, and has an element. */
    uint32_t some = element->def_max - (element->repetition == PARQUET_OPTIONAL);
    uint32_t there = top->is_leaf ? 0 : top->def_max;
    Column elements;
    uint32_t at = 0;

    TRY(column_init(ret, arena, column->type, n, true, err));
    TRY(column_flatten(&e->values, arena, &elements, err));
    View *views = column_values(ret);
    for (uint32_t row = 0; row < n; row++) {
        uint32_t end = at + 1;
        while (end < e->count && e->rep[end] != 0)
            end++;
        if (e->def[at] < there)
            bit_clear(column_validity(ret), row);
        else
            TRY(pgarray_make(column->type, &elements, at, e->def[at] < some ? 0 : end - at, arena,
                             &views[row], err));
        at = end;
    }
    return STATUS_OK;
}

/* ---- json ---- */

typedef struct Assembly {
    const ParquetMeta *meta;
    LeafEntries *entries; /* of the column's leaves */
    int32_t first_leaf;
    PgSettings settings;
    Buf out;
} Assembly;

static LeafEntries *entries_of(Assembly *a, int32_t node)
{
    return &a->entries[a->meta->nodes[node].leaf - a->first_leaf];
}

/* A column may be malformed so that its leaves do not agree: behind the end there is nothing. */
static uint32_t def_at(const LeafEntries *e)
{
    return e->at < e->count ? e->def[e->at] : 0;
}

static void pass_over(Assembly *a, int32_t node)
{
    for (int32_t i = node; i < a->meta->nodes[node].end; i++)
        if (a->meta->nodes[i].is_leaf)
            entries_of(a, i)->at++;
}

static void put_leaf_text(Assembly *a, const LeafEntries *e, Buf *text)
{
    pgtype_append_text(&e->values, e->at, &a->settings, text);
}

static void put_leaf(Assembly *a, int32_t node, bool as_key)
{
    LeafEntries *e = entries_of(a, node);
    CLEANUP(buf_done) Buf text = {0};
    Type type = e->values.type;

    if (e->at >= e->count || column_is_null(&e->values, e->at)) {
        buf_append_lit(&a->out, "null");
    } else if (type.id == TYPE_BOOL && !as_key) {
        buf_append_str(&a->out, column_bool(&e->values, e->at) ? STR("true") : STR("false"));
    } else if (type_layout(type) == LAYOUT_VIEW && (type.id == TYPE_TEXT || type.id == TYPE_JSON)) {
        json_append_string(&a->out, column_str(&e->values, e->at));
    } else {
        put_leaf_text(a, e, &text);
        char first = text.len ? text.ptr[0] : 0;
        bool number = type_is_number(type) && text.len && text.ptr[text.len - 1] >= '0' &&
                      text.ptr[text.len - 1] <= '9' &&
                      (first == '-' || (first >= '0' && first <= '9'));
        if (number && !as_key)
            buf_append_str(&a->out, buf_str(&text));
        else
            json_append_string(&a->out, buf_str(&text));
    }
    e->at++;
}

static void put_node(Assembly *a, int32_t node);

/* The content of one occurrence that is there. */
static void put_content(Assembly *a, int32_t node)
{
    const ParquetNode *n = &a->meta->nodes[node];
    int32_t child = node + 1;

    if (n->is_leaf) {
        put_leaf(a, node, false);
        return;
    }
    buf_append_byte(&a->out, '{');
    for (int32_t i = 0; i < n->child_count; i++) {
        if (i)
            buf_append_byte(&a->out, ',');
        json_append_string(&a->out, a->meta->nodes[child].name);
        buf_append_byte(&a->out, ':');
        put_node(a, child);
        child = a->meta->nodes[child].end;
    }
    buf_append_byte(&a->out, '}');
}

static void put_pair(Assembly *a, int32_t key)
{
    put_leaf(a, key, true);
    /* A key that is null is none of JSON's: it becomes a text. */
    if (a->out.len >= 4 && memcmp(a->out.ptr + a->out.len - 4, "null", 4) == 0) {
        a->out.len -= 4;
        buf_append_lit(&a->out, "\"\"");
    }
    buf_append_byte(&a->out, ':');
    put_node(a, a->meta->nodes[key].end);
}

/* All occurrences of a repeated node; `open` and `close` are the brackets. */
static void put_repeated(Assembly *a, int32_t node, bool pairs, bool middle)
{
    const ParquetNode *n = &a->meta->nodes[node];
    const LeafEntries *e = entries_of(a, node);

    buf_append_byte(&a->out, pairs ? '{' : '[');
    if (def_at(e) < n->def_max) {
        pass_over(a, node);
    } else {
        for (bool first = true;; first = false) {
            uint32_t before = e->at;
            if (!first)
                buf_append_byte(&a->out, ',');
            if (pairs)
                put_pair(a, node + 1);
            else if (middle)
                put_node(a, node + 1);
            else
                put_content(a, node);
            if (e->at == before || e->at >= e->count || e->rep[e->at] != n->rep_max)
                break;
        }
    }
    buf_append_byte(&a->out, pairs ? '}' : ']');
}

static void put_node(Assembly *a, int32_t node)
{
    const ParquetNode *n = &a->meta->nodes[node];

    if (n->end == node + 1 && !n->is_leaf) { /* a group without columns */
        buf_append_lit(&a->out, "{}");
        return;
    }
    if (n->repetition == PARQUET_REPEATED) {
        put_repeated(a, node, false, false);
    } else if (n->repetition == PARQUET_OPTIONAL && def_at(entries_of(a, node)) < n->def_max) {
        pass_over(a, node);
        buf_append_lit(&a->out, "null");
    } else if (is_list(a->meta, node)) {
        put_repeated(a, node + 1, false, is_middle(a->meta, node + 1, n));
    } else if (is_map(a->meta, node)) {
        put_repeated(a, node + 1, true, false);
    } else {
        put_content(a, node);
    }
}

static Status assemble_row(Assembly *a, const ParquetColumn *column, uint32_t row, Arena *arena,
                           Column *ret, Error *err)
{
    const ParquetNode *top = &a->meta->nodes[column->node];
    View *views = column_values(ret);
    char *text;

    if (top->repetition == PARQUET_OPTIONAL &&
        def_at(entries_of(a, (int32_t)column->node)) < top->def_max) {
        pass_over(a, (int32_t)column->node);
        bit_clear(column_validity(ret), row);
        return STATUS_OK;
    }
    buf_clear(&a->out);
    put_node(a, (int32_t)column->node);
    if (a->out.overflowed)
        return error_set(err, STATUS_LIMIT, "parquet: a nested value of more than %d bytes",
                         JSON_BYTES_MAX);
    TRY(arena_try_alloc(arena, a->out.len + 1, &text, err));
    memcpy(text, a->out.ptr, a->out.len);
    views[row] = view_make(text, a->out.len);
    return STATUS_OK;
}

Status parquet__assemble(const ParquetFile *file, const ParquetColumn *column, LeafEntries *entries,
                         uint32_t n, Arena *arena, Column *ret, Error *err)
{
    Assembly a = {.meta = &file->meta,
                  .entries = entries,
                  .first_leaf = (int32_t)column->first_leaf,
                  .out = {.len_max = JSON_BYTES_MAX}};
    Status status = STATUS_OK;

    if (column->element >= 0)
        return assemble_arrays(file, column, &entries[0], n, arena, ret, err);
    pg_settings_init(&a.settings);
    status = column_init(ret, arena, column->type, n, true, err);
    for (uint32_t row = 0; row < n && status == STATUS_OK; row++)
        status = assemble_row(&a, column, row, arena, ret, err);
    buf_done(&a.out);
    return status;
}
