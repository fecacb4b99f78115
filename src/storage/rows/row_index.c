#include "storage/rows/row_index.h"

#include "format/json/json.h"
#include "storage/index/key_index.h"
#include "storage/index/term_search.h"
#include "storage/rows/row_text_filter.h"

/* ---------------------------------------------------------------- which columns */

typedef struct ColumnIndex {
    Str column;
    RowIndexKind kind;
} ColumnIndex;

static const ColumnIndex logs_indexes[] = {
    {STR_INIT("body"), ROW_INDEX_TERMS},     {STR_INIT("attributes"), ROW_INDEX_TERMS},
    {STR_INIT("resource"), ROW_INDEX_TERMS}, {STR_INIT("trace_id"), ROW_INDEX_KEYS},
    {STR_INIT("span_id"), ROW_INDEX_KEYS},
};
static const ColumnIndex traces_indexes[] = {
    {STR_INIT("name"), ROW_INDEX_TERMS},           {STR_INIT("attributes"), ROW_INDEX_TERMS},
    {STR_INIT("resource"), ROW_INDEX_TERMS},       {STR_INIT("events"), ROW_INDEX_TERMS},
    {STR_INIT("status_message"), ROW_INDEX_TERMS}, {STR_INIT("trace_id"), ROW_INDEX_KEYS},
    {STR_INIT("span_id"), ROW_INDEX_KEYS},         {STR_INIT("parent_span_id"), ROW_INDEX_KEYS},
};

static void set_kind(const Table *table, Str column, RowIndexKind kind, uint8_t *kinds)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (str_eq(table->columns[i].name, column) &&
            row_filter_can(table->columns[i].type,
                           kind == ROW_INDEX_TERMS ? SCAN_MATCHES : SCAN_EQ))
            kinds[i] = (uint8_t)kind;
}

/* "a, b" */
static void set_named(const Table *table, Str names, uint8_t *kinds)
{
    Str name;

    while (str_split(&names, ',', &name))
        set_kind(table, str_trim(name), ROW_INDEX_TERMS, kinds);
}

static void set_by_options(const Table *table, uint8_t *kinds)
{
    CLEANUP(arena_done) Arena arena = {0};
    JsonReader reader = json_reader(table->options);
    bool is_names = false;
    JsonToken token;

    arena_init(&arena, NULL);
    while (json_next(&reader, &token, NULL) == STATUS_OK && token.kind != JSON_TOKEN_END) {
        if (is_names && token.kind == JSON_TOKEN_STRING)
            set_named(table, token.escaped ? json_unescape(&token, &arena) : token.text, kinds);
        is_names = token.kind == JSON_TOKEN_KEY && str_eq(token.text, STR("fulltext"));
    }
}

void row_index_kinds(const Table *table, uint8_t *ret_kinds)
{
    memset(ret_kinds, ROW_INDEX_NONE, table->column_count);
    if (table->kind == TABLE_LOGS)
        for (size_t i = 0; i < LUMA_ARRAY_LEN(logs_indexes); i++)
            set_kind(table, logs_indexes[i].column, logs_indexes[i].kind, ret_kinds);
    if (table->kind == TABLE_TRACES)
        for (size_t i = 0; i < LUMA_ARRAY_LEN(traces_indexes); i++)
            set_kind(table, traces_indexes[i].column, traces_indexes[i].kind, ret_kinds);
    if (table->kind == TABLE_USER && table->options.len)
        set_by_options(table, ret_kinds);
}

/* ---------------------------------------------------------------- building */

enum { DICT_VALUES_FEW = 64 }; /* so many are compared as fast as looked up */

static TermIndex *build_terms(const RowSegment *sealed, const RowColumn *c, TermBuilder *builder)
{
    TextForm form = row_text_form(c->type);
    const View *texts = c->values;

    for (uint32_t i = 0; i < sealed->row_count; i++)
        if (!c->validity || bit_get(c->validity, i))
            term_builder_add(builder, i, view_str(&texts[i]), form);
    return term_builder_finish(builder, sealed->row_count);
}

void row_index_build(RowSegment *sealed, const uint8_t *kinds, uint32_t column_count,
                     TermBuilder *builder)
{
    size_t bytes = 0;

    ASSERT(sealed->sealed && sealed->row_count <= TERM_INDEX_ROWS_MAX);
    for (uint32_t i = 0; i < LUMA_MIN(column_count, sealed->column_count); i++) {
        RowColumn *c = &sealed->columns[i];
        if (kinds[i] == ROW_INDEX_TERMS && !c->dict)
            c->terms = build_terms(sealed, c, builder);
        if (kinds[i] == ROW_INDEX_KEYS && !c->dict)
            c->keys = key_index_new(c->values, c->validity, sealed->row_count);
        if (kinds[i] == ROW_INDEX_KEYS && c->dict && c->dict->len > DICT_VALUES_FEW)
            c->keys = key_index_new(c->dict->values, NULL, c->dict->len);
        bytes += c->terms ? c->terms->bytes : 0;
        bytes += c->keys ? c->keys->bytes : 0;
    }
    sealed->charged_bytes += (int64_t)bytes;
    mem_budget_force(sealed->budget, (int64_t)bytes);
}

void row_index_add_terms(RowSegment *sealed, uint32_t column, TermBuilder *builder)
{
    RowColumn *c = column < sealed->column_count ? &sealed->columns[column] : NULL;

    if (!c || c->dict || c->terms)
        return;
    TermIndex *terms = build_terms(sealed, c, builder);
    sealed->charged_bytes += (int64_t)terms->bytes;
    mem_budget_force(sealed->budget, (int64_t)terms->bytes);
    __atomic_store_n(&c->terms, terms, __ATOMIC_RELEASE); /* readers see it whole or not at all */
}

/* ---------------------------------------------------------------- searching */

/* A bucket holds rows of other values, too, which would make a segment look worth a visit. */
static void keep_keys(const RowColumn *c, Str value, const RowSegment *segment, Arena *arena,
                      uint64_t *bits)
{
    const View *texts = c->values;
    View view = view_make(value.ptr, value.len);
    size_t words = term_words(segment->row_count);
    uint64_t *found = ARENA_NEW_ARRAY(arena, uint64_t, words);
    uint32_t count;
    const uint16_t *rows = key_index_rows(c->keys, value, &count);

    for (uint32_t i = 0; i < count; i++)
        if (view_eq(&texts[rows[i]], &view))
            found[rows[i] / 64] |= UINT64_C(1) << rows[i] % 64;
    for (size_t i = 0; i < words; i++)
        bits[i] &= found[i];
}

/* Finds the value's code by the index instead of comparing all values of the dictionary. */
static Status find_code(const RowColumn *c, const ScanPredicate *p, Arena *arena, RowFilter *filter,
                        Error *err)
{
    Str value = column_str(&p->value, 0);
    View view = view_make(value.ptr, value.len);
    const View *texts = c->dict->values;
    uint8_t *pass;
    uint32_t count;

    TRY(arena_try_alloc(arena, c->dict->len, &pass, err));
    memset(pass, 0, c->dict->len);
    *filter = (RowFilter){.predicate = p, .dict = c->dict, .dict_pass = pass, .none = true};
    const uint16_t *codes = key_index_rows(c->keys, value, &count);
    for (uint32_t i = 0; i < count; i++)
        if (view_eq(&texts[codes[i]], &view)) {
            pass[codes[i]] = 1;
            filter->none = false;
        }
    return STATUS_OK;
}

Status row_index_filter(const RowSegment *segment, const ScanPredicate *p, Type type, Arena *arena,
                        RowFilter *ret_filter, Error *err)
{
    const RowColumn *c =
        segment && p->column < segment->column_count ? &segment->columns[p->column] : NULL;

    if (c && c->dict && c->keys && p->op == SCAN_EQ && !column_is_null(&p->value, 0))
        return find_code(c, p, arena, ret_filter, err);
    return row_filter_init(ret_filter, p, type, c ? c->dict : NULL, arena, err);
}

static Status search_terms(const TermIndex *terms, RowFilter *filter, Arena *arena, uint64_t *bits,
                           bool *ret_used, Error *err)
{
    const ScanPredicate *p = filter->predicate;
    Str value = column_str(&p->value, 0);

    *ret_used = true;
    switch (p->op) {
    case SCAN_MATCHES:
        return term_search_query(&terms->source, &filter->text->query, arena, bits,
                                 &filter->settled, err);
    case SCAN_LIKE:
    case SCAN_ILIKE:
        return term_search_like(&terms->source, value, arena, bits, ret_used, err);
    case SCAN_EQ:
        return term_search_words(&terms->source, value, arena, bits, ret_used, err);
    case SCAN_WORDS:
        filter->settled = true;
        return term_search_words(&terms->source, value, arena, bits, ret_used, err);
    case SCAN_NE:
    case SCAN_LT:
    case SCAN_LE:
    case SCAN_GT:
    case SCAN_GE:
    case SCAN_IS_NULL:
    case SCAN_IS_NOT_NULL:
        break;
    }
    *ret_used = false;
    return STATUS_OK;
}

Status row_index_narrow(const RowSegment *segment, RowFilter *filter, Arena *arena, uint64_t *bits,
                        bool *ret_used, Error *err)
{
    const ScanPredicate *p = filter->predicate;
    size_t words = term_words(segment->row_count);
    const RowColumn *c = p->column < segment->column_count ? &segment->columns[p->column] : NULL;
    uint64_t *found;

    *ret_used = false;
    if (!c || p->op == SCAN_IS_NULL || p->op == SCAN_IS_NOT_NULL || column_is_null(&p->value, 0))
        return STATUS_OK;
    const TermIndex *terms = __atomic_load_n(&c->terms, __ATOMIC_ACQUIRE);
    if (c->keys && !c->dict && p->op == SCAN_EQ) {
        keep_keys(c, column_str(&p->value, 0), segment, arena, bits);
        *ret_used = filter->settled = true;
    } else if (terms) {
        TRY(arena_try_alloc(arena, sizeof *found * LUMA_MAX(words, 1), &found, err));
        TRY(search_terms(terms, filter, arena, found, ret_used, err));
        for (size_t i = 0; *ret_used && i < words; i++)
            bits[i] &= found[i];
    }
    return STATUS_OK;
}
