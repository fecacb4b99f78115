/* series_scan.c - the rows of public.metrics and prom.<metric>, made of series.
 *
 * Predicates on ts become the time window, equality on name and labels becomes matchers, the others
 * on labels are tested once per series, and those on samples by mask. Rows come series by series: a
 * batch of one series has constant label columns, a batch of several has dictionary columns, whose
 * dictionary is made once for a piece (the series one worker takes at a time).
 */
#include "base/map.h"
#include "format/histogram/histogram.h"
#include "format/pgtype/jsonb.h"
#include "storage/engine/engine_int.h"
#include "storage/engine/histogram_json.h"

enum {
    PIECE_ROWS = 64 * 1024, /* about so many rows make a piece */
    PIECE_SERIES_MAX = 4096,
    PIECES_MIN = 16,  /* of a scan, so that all workers have something */
    PROBE_SERIES = 4, /* read to guess the number of rows */
};

typedef enum SourceKind {
    SOURCE_TS,
    SOURCE_NAME,
    SOURCE_LABELS,
    SOURCE_LABEL, /* one label's value */
    SOURCE_VALUE,
    SOURCE_STALE,
    SOURCE_HISTOGRAM,
    SOURCE_START,
} SourceKind;

/* Where a table column comes from. */
typedef struct Source {
    SourceKind kind;
    Str label; /* SOURCE_NAME, SOURCE_LABEL */
} Source;

struct SeriesScan {
    Snapshot *snapshot;
    const ScanSpec *spec;
    Arena arena;
    Source *sources; /* per table column */
    bool needed[SOURCE_START + 1];
    int64_t min_ms; /* window, inclusive; empty when min > max */
    int64_t max_ms;
    LabelMatcher *matchers;
    uint32_t matcher_count;
    const ScanPredicate **series_predicates; /* tested per series */
    uint32_t series_predicate_count;
    const ScanPredicate **sample_predicates; /* tested per row */
    uint32_t sample_predicate_count;
    SeriesList series;
    uint32_t step; /* series of a piece */
    uint32_t next; /* atomic: relaxed; first series nobody claimed */
    uint64_t estimate;
};

/* One label column of a piece. */
typedef struct PieceDict {
    Column dict;
    uint32_t *codes; /* per series of the piece; UINT32_MAX = NULL */
    bool has_null;
} PieceDict;

struct SeriesPiece {
    SeriesScan *scan;
    uint32_t from; /* series [from, end) of the scan */
    uint32_t end;
    Arena arena;
    bool ready;
    SeriesRef *refs; /* those that pass the series predicates */
    uint32_t ref_count;
    PieceDict *dicts; /* per table column; made for projected label columns */
    SampleRun run;
    uint32_t current; /* the run is of refs[current - 1] */
    uint32_t run_pos; /* first row of the run not yet handed out */
    Buf text;         /* scratch */
};

/* Rows of one batch while it is gathered. */
typedef struct RowSpan {
    uint32_t series; /* index in the piece's refs */
    uint32_t end;    /* row */
} RowSpan;
typedef struct Gather {
    Arena *arena;
    uint32_t count;
    int64_t *ts_us;
    double *values;
    uint8_t *value_valid; /* bitmaps */
    uint8_t *stale;
    bool has_null_value;
    View *histograms;
    uint8_t *histogram_valid;
    int64_t *start_us;
    uint8_t *start_valid;
    RowSpan *spans;
    uint32_t span_count;
} Gather;

/* ---------------------------------------------------------------- analysis */

static Source source_of(const SeriesScan *scan, uint16_t column)
{
    static const SourceKind metrics[] = {SOURCE_TS,    SOURCE_NAME,  SOURCE_LABELS,
                                         SOURCE_VALUE, SOURCE_STALE, SOURCE_HISTOGRAM,
                                         SOURCE_START};
    const Table *table = scan->spec->table;

    if (table->kind == TABLE_METRICS)
        return (Source){metrics[column], LABEL_NAME};
    if (column < METRIC_COLUMN_FIRST_LABEL)
        return (Source){column == METRIC_COLUMN_TS ? SOURCE_TS : SOURCE_VALUE, STR("")};
    return (Source){SOURCE_LABEL,
                    metric_tables_label(scan->snapshot->engine->metric_tables, table->id, column)};
}

static int64_t floor_div_1000(int64_t us)
{
    return us / 1000 - (us % 1000 < 0);
}

/* Narrows the window; false when the predicate must be tested per row. */
static bool narrow_window(SeriesScan *scan, const ScanPredicate *p)
{
    if (p->op == SCAN_IS_NOT_NULL)
        return true;
    if (p->op == SCAN_IS_NULL || column_is_null(&p->value, 0)) {
        scan->min_ms = INT64_MAX;
        scan->max_ms = INT64_MIN;
        return true;
    }
    int64_t us = column_i64(&p->value, 0);
    int64_t floor_ms = floor_div_1000(us);
    bool whole = us % 1000 == 0;
    int64_t above = INT64_MIN; /* the window's new bounds */
    int64_t below = INT64_MAX;
    switch (p->op) {
    case SCAN_EQ:
        above = whole ? floor_ms : INT64_MAX;
        below = floor_ms;
        break;
    case SCAN_LT:
        below = whole ? floor_ms - 1 : floor_ms;
        break;
    case SCAN_LE:
        below = floor_ms;
        break;
    case SCAN_GT:
        above = floor_ms + 1;
        break;
    case SCAN_GE:
        above = whole ? floor_ms : floor_ms + 1;
        break;
    case SCAN_NE:
    case SCAN_IS_NULL:
    case SCAN_IS_NOT_NULL:
    case SCAN_MATCHES:
    case SCAN_LIKE:
    case SCAN_ILIKE:
    case SCAN_WORDS:
        return false;
    }
    scan->min_ms = LUMA_MAX(scan->min_ms, above);
    scan->max_ms = LUMA_MIN(scan->max_ms, below);
    return true;
}

static void add_predicate(SeriesScan *scan, const ScanPredicate *p)
{
    const Source *source = &scan->sources[p->column];

    switch (source->kind) {
    case SOURCE_TS:
        if (!narrow_window(scan, p))
            scan->sample_predicates[scan->sample_predicate_count++] = p;
        break;
    case SOURCE_NAME:
    case SOURCE_LABEL: {
        /* Labels are never empty: only a value that can be there goes to the index. */
        Str value =
            p->op == SCAN_EQ && !column_is_null(&p->value, 0) ? column_str(&p->value, 0) : STR("");
        if (value.len)
            scan->matchers[scan->matcher_count++] =
                (LabelMatcher){.op = MATCH_EQ, .name = source->label, .value = value};
        else
            scan->series_predicates[scan->series_predicate_count++] = p;
        break;
    }
    case SOURCE_LABELS:
        scan->series_predicates[scan->series_predicate_count++] = p;
        break;
    case SOURCE_VALUE:
    case SOURCE_STALE:
    case SOURCE_HISTOGRAM:
    case SOURCE_START:
        scan->needed[source->kind] = true;
        scan->sample_predicates[scan->sample_predicate_count++] = p;
        break;
    }
}

static void analyse(SeriesScan *scan)
{
    const ScanSpec *spec = scan->spec;
    Arena *arena = &scan->arena;

    scan->sources = ARENA_NEW_ARRAY(arena, Source, spec->table->column_count);
    for (uint16_t i = 0; i < spec->table->column_count; i++)
        scan->sources[i] = source_of(scan, i);
    for (uint32_t i = 0; i < spec->column_count; i++)
        scan->needed[scan->sources[spec->columns[i]].kind] = true;
    scan->matchers =
        ARENA_NEW_ARRAY(arena, LabelMatcher, spec->matcher_count + spec->predicate_count + 1);
    scan->series_predicates = ARENA_NEW_ARRAY(arena, const ScanPredicate *, spec->predicate_count);
    scan->sample_predicates = ARENA_NEW_ARRAY(arena, const ScanPredicate *, spec->predicate_count);
    for (uint32_t i = 0; i < spec->matcher_count; i++)
        scan->matchers[scan->matcher_count++] = spec->matchers[i];
    if (spec->table->kind == TABLE_METRIC)
        scan->matchers[scan->matcher_count++] =
            (LabelMatcher){.op = MATCH_EQ, .name = LABEL_NAME, .value = spec->table->name};
    scan->min_ms = INT64_MIN;
    scan->max_ms = INT64_MAX;
    for (uint32_t i = 0; i < spec->predicate_count; i++)
        add_predicate(scan, &spec->predicates[i]);
    for (uint32_t i = 0; i < scan->sample_predicate_count; i++)
        scan->needed[scan->sources[scan->sample_predicates[i]->column].kind] = true;
}

/* Guesses the rows from a few series and cuts the series into pieces. */
static Status plan_pieces(SeriesScan *scan, Error *err)
{
    SampleRun run = {0};
    uint64_t samples = 0;
    uint32_t probes = LUMA_MIN(scan->series.count, (uint32_t)PROBE_SERIES);
    Status status = STATUS_OK;

    for (uint32_t i = 0; i < probes && status == STATUS_OK; i++) {
        uint32_t at = (uint32_t)((uint64_t)scan->series.count * i / probes);
        status = metric_store_read(scan->snapshot->metrics, scan->series.refs[at], scan->min_ms,
                                   scan->max_ms, &run, err);
        samples += run.count;
    }
    sample_run_done(&run);
    TRY(status);
    scan->estimate = probes ? samples * scan->series.count / probes : 0;
    uint64_t per_series = probes ? samples / probes + 1 : 1;
    uint64_t step = LUMA_MIN(PIECE_ROWS / per_series, scan->series.count / (uint64_t)PIECES_MIN);
    scan->step = (uint32_t)LUMA_MIN(LUMA_MAX(step, UINT64_C(1)), (uint64_t)PIECE_SERIES_MAX);
    return STATUS_OK;
}

Status series_scan_new(Snapshot *snapshot, const ScanSpec *spec, SeriesScan **ret_scan, Error *err)
{
    SeriesScan *scan = MEM_NEW(SeriesScan);
    Status status = STATUS_OK;

    scan->snapshot = snapshot;
    scan->spec = spec;
    arena_init(&scan->arena, NULL);
    analyse(scan);
    if (scan->min_ms <= scan->max_ms)
        status = metric_store_select(snapshot->metrics, scan->matchers, scan->matcher_count,
                                     scan->min_ms, scan->max_ms, &scan->arena, &scan->series, err);
    if (status == STATUS_OK)
        status = plan_pieces(scan, err);
    if (status != STATUS_OK) {
        series_scan_free(scan);
        return status;
    }
    *ret_scan = scan;
    return STATUS_OK;
}

SeriesScan *series_scan_free(SeriesScan *scan)
{
    if (scan) {
        arena_done(&scan->arena);
        mem_free(scan);
    }
    return NULL;
}

uint64_t series_scan_estimate(const SeriesScan *scan)
{
    return scan->estimate;
}

SeriesPiece *series_scan_next(SeriesScan *scan)
{
    uint32_t from = __atomic_load_n(&scan->next, __ATOMIC_RELAXED);
    uint32_t end;

    do {
        if (from >= scan->series.count)
            return NULL;
        end = LUMA_MIN(from + scan->step, scan->series.count);
    } while (!__atomic_compare_exchange_n(&scan->next, &from, end, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    SeriesPiece *piece = MEM_NEW(SeriesPiece);
    piece->scan = scan;
    piece->from = from;
    piece->end = end;
    arena_init(&piece->arena, NULL);
    return piece;
}

SeriesPiece *series_piece_close(SeriesPiece *piece)
{
    if (piece) {
        sample_run_done(&piece->run);
        buf_done(&piece->text);
        arena_done(&piece->arena);
        mem_free(piece);
    }
    return NULL;
}

/* ---------------------------------------------------------------- labels of a piece */

static bool test_text(const ScanPredicate *p, bool null, Str text)
{
    if (p->op == SCAN_IS_NULL || p->op == SCAN_IS_NOT_NULL)
        return null == (p->op == SCAN_IS_NULL);
    if (null || column_is_null(&p->value, 0))
        return false;
    int cmp = str_cmp(text, column_str(&p->value, 0));
    switch (p->op) {
    case SCAN_EQ:
        return cmp == 0;
    case SCAN_NE:
        return cmp != 0;
    case SCAN_LT:
        return cmp < 0;
    case SCAN_LE:
        return cmp <= 0;
    case SCAN_GT:
        return cmp > 0;
    case SCAN_GE:
        return cmp >= 0;
    case SCAN_IS_NULL:
    case SCAN_IS_NOT_NULL:
    case SCAN_MATCHES: /* scan_can_filter refuses these for series */
    case SCAN_LIKE:
    case SCAN_ILIKE:
    case SCAN_WORDS:
        break;
    }
    return false;
}

static bool series_passes(const SeriesScan *scan, SeriesRef ref)
{
    for (uint32_t i = 0; i < scan->series_predicate_count; i++) {
        const ScanPredicate *p = scan->series_predicates[i];
        const Source *source = &scan->sources[p->column];
        Str text = source->kind == SOURCE_LABELS
                       ? STR("")
                       : metric_store_label(scan->snapshot->metrics, ref, source->label);
        if (!test_text(p, source->kind == SOURCE_LABEL && !text.len, text))
            return false;
    }
    return true;
}

/* The text of a label column for one series, in the piece's arena or the snapshot; len 0 = NULL. */
static Status series_text(SeriesPiece *piece, const Source *source, SeriesRef ref, Arena *scratch,
                          Str *ret_text, Error *err)
{
    MetricSnapshot *metrics = piece->scan->snapshot->metrics;

    if (source->kind != SOURCE_LABELS) {
        *ret_text = metric_store_label(metrics, ref, source->label);
        return STATUS_OK;
    }
    LabelSet labels;
    TRY(metric_store_labels(metrics, ref, scratch, &labels, err));
    buf_clear(&piece->text);
    jsonb_append_labels(labels, false, &piece->text);
    *ret_text = buf_str(&piece->text);
    return STATUS_OK;
}

/* Gives each series of the piece the code of its text. */
static Status make_dict(SeriesPiece *piece, const Source *source, Type type, PieceDict *ret,
                        Error *err)
{
    CLEANUP(map_done) Map map = {0};
    CLEANUP(arena_done) Arena scratch = {0};
    View *views = arena_alloc_aligned(&piece->arena, sizeof *views * LUMA_MAX(piece->ref_count, 1));
    uint32_t count = 0;

    if (!views)
        return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
    arena_init(&scratch, NULL);
    ret->codes = ARENA_NEW_ARRAY(&piece->arena, uint32_t, piece->ref_count);
    for (uint32_t i = 0; i < piece->ref_count; i++) {
        Str text;
        TRY(series_text(piece, source, piece->refs[i], &scratch, &text, err));
        if (!text.len && source->kind == SOURCE_LABEL) {
            ret->codes[i] = UINT32_MAX;
            ret->has_null = true;
            continue;
        }
        void *code = map_get(&map, text);
        if (!code) {
            if (source->kind == SOURCE_LABELS)
                text = arena_str(&piece->arena, text);
            *map_put(&map, text, NULL) = (void *)(uintptr_t)(count + 1);
            views[count] = view_make(text.ptr, text.len);
            ret->codes[i] = count++;
        } else {
            ret->codes[i] = (uint32_t)(uintptr_t)code - 1;
        }
        arena_reset(&scratch);
    }
    ret->dict = (Column){.type = type, .len = count, .values = views};
    return STATUS_OK;
}

static Status prepare_piece(SeriesPiece *piece, Error *err)
{
    SeriesScan *scan = piece->scan;
    const ScanSpec *spec = scan->spec;

    piece->refs = ARENA_NEW_ARRAY(&piece->arena, SeriesRef, piece->end - piece->from);
    for (uint32_t i = piece->from; i < piece->end; i++)
        if (series_passes(scan, scan->series.refs[i]))
            piece->refs[piece->ref_count++] = scan->series.refs[i];
    piece->dicts = ARENA_NEW_ARRAY(&piece->arena, PieceDict, spec->table->column_count);
    for (uint32_t i = 0; i < spec->column_count; i++) {
        uint16_t column = spec->columns[i];
        const Source *source = &scan->sources[column];
        bool is_label = source->kind == SOURCE_NAME || source->kind == SOURCE_LABEL ||
                        source->kind == SOURCE_LABELS;
        if (is_label && !piece->dicts[column].codes)
            TRY(make_dict(piece, source, spec->table->columns[column].type, &piece->dicts[column],
                          err));
    }
    piece->ready = true;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- gathering rows */

static Status alloc(Arena *arena, size_t bytes, void *ret_ptr, Error *err)
{
    void *ptr = arena_alloc_aligned(arena, LUMA_ALIGN_UP(bytes, (size_t)64));
    if (!ptr)
        return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
    memcpy(ret_ptr, &ptr, sizeof ptr);
    return STATUS_OK;
}

static Status alloc_bits(Arena *arena, bool on, uint8_t **ret_bits, Error *err)
{
    TRY(alloc(arena, BATCH_ROWS / 8, ret_bits, err));
    memset(*ret_bits, on ? 0xFF : 0, BATCH_ROWS / 8);
    return STATUS_OK;
}

static Status begin_gather(const SeriesScan *scan, Arena *arena, Gather *g, Error *err)
{
    *g = (Gather){.arena = arena};
    TRY(alloc(arena, sizeof *g->spans * BATCH_ROWS, &g->spans, err));
    if (scan->needed[SOURCE_TS])
        TRY(alloc(arena, sizeof *g->ts_us * BATCH_ROWS, &g->ts_us, err));
    if (scan->needed[SOURCE_VALUE]) {
        TRY(alloc(arena, sizeof *g->values * BATCH_ROWS, &g->values, err));
        TRY(alloc_bits(arena, true, &g->value_valid, err));
    }
    if (scan->needed[SOURCE_STALE])
        TRY(alloc_bits(arena, false, &g->stale, err));
    if (scan->needed[SOURCE_HISTOGRAM]) {
        TRY(alloc(arena, sizeof *g->histograms * BATCH_ROWS, &g->histograms, err));
        memset(g->histograms, 0, sizeof *g->histograms * BATCH_ROWS);
        TRY(alloc_bits(arena, false, &g->histogram_valid, err));
    }
    if (scan->needed[SOURCE_START]) {
        TRY(alloc(arena, sizeof *g->start_us * BATCH_ROWS, &g->start_us, err));
        memset(g->start_us, 0, sizeof *g->start_us * BATCH_ROWS);
        TRY(alloc_bits(arena, false, &g->start_valid, err));
    }
    return STATUS_OK;
}

/* Empties it for the next rows, in the same memory. */
static void restart_gather(Gather *g)
{
    g->count = 0;
    g->span_count = 0;
    if (g->has_null_value && g->value_valid)
        memset(g->value_valid, 0xFF, BATCH_ROWS / 8);
    g->has_null_value = false;
    if (g->stale)
        memset(g->stale, 0, BATCH_ROWS / 8);
    if (g->histogram_valid)
        memset(g->histogram_valid, 0, BATCH_ROWS / 8);
    if (g->start_valid)
        memset(g->start_valid, 0, BATCH_ROWS / 8);
}

static int64_t to_us(int64_t ms)
{
    return (int64_t)((uint64_t)ms * 1000); /* in range: samples are timestamptz */
}

static bool is_stale_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == WRITE_STALE_BITS;
}

static bool any_stale(const double *values, uint32_t count)
{
    uint64_t found = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        found |= bits == WRITE_STALE_BITS;
    }
    return found;
}

/* Staleness markers and histograms among rows [pos, pos + count) of the run: NULL values. */
static void gather_special(SeriesPiece *piece, Gather *g, uint32_t pos, uint32_t count)
{
    const SampleRun *run = &piece->run;

    for (uint32_t i = 0; i < count; i++) {
        const NativeHistogram *h = run->histograms ? run->histograms[pos + i] : NULL;
        bool stale = h ? histogram_is_stale(h) : is_stale_bits(run->values[pos + i]);
        uint32_t row = g->count + i;
        if (!stale && !h)
            continue;
        g->has_null_value = true;
        if (g->value_valid)
            bit_clear(g->value_valid, row);
        if (g->stale && stale)
            bit_set(g->stale, row);
        if (g->histograms && h && !stale) {
            buf_clear(&piece->text);
            histogram_append_jsonb(h, &piece->text);
            Str text = arena_str(g->arena, buf_str(&piece->text));
            g->histograms[row] = view_make(text.ptr, text.len);
            bit_set(g->histogram_valid, row);
        }
    }
}

static void gather_rows(SeriesPiece *piece, Gather *g, uint32_t count)
{
    const SeriesScan *scan = piece->scan;
    const SampleRun *run = &piece->run;
    uint32_t pos = piece->run_pos;
    bool special =
        scan->needed[SOURCE_VALUE] || scan->needed[SOURCE_STALE] || scan->needed[SOURCE_HISTOGRAM];

    if (g->ts_us)
        for (uint32_t i = 0; i < count; i++)
            g->ts_us[g->count + i] = to_us(run->ts_ms[pos + i]);
    if (g->values)
        memcpy(g->values + g->count, run->values + pos, sizeof *g->values * count);
    if (special && (run->histograms || any_stale(run->values + pos, count)))
        gather_special(piece, g, pos, count);
    for (uint32_t i = 0; g->start_us && run->start_ms && i < count; i++)
        if (run->start_ms[pos + i]) {
            g->start_us[g->count + i] = to_us(run->start_ms[pos + i]);
            bit_set(g->start_valid, g->count + i);
        }
    g->count += count;
    g->spans[g->span_count++] = (RowSpan){piece->current - 1, g->count};
    piece->run_pos += count;
}

/* Fills the batch with the next rows; count 0 at the end of the piece. */
static Status gather_batch(SeriesPiece *piece, Gather *g, Error *err)
{
    SeriesScan *scan = piece->scan;

    while (g->count < BATCH_ROWS) {
        if (piece->run_pos < piece->run.count) {
            gather_rows(
                piece, g,
                LUMA_MIN(piece->run.count - piece->run_pos, (uint32_t)BATCH_ROWS - g->count));
            continue;
        }
        if (piece->current == piece->ref_count)
            return STATUS_OK;
        piece->run_pos = 0;
        piece->run.count = 0;
        TRY(metric_store_read(scan->snapshot->metrics, piece->refs[piece->current], scan->min_ms,
                              scan->max_ms, &piece->run, err));
        piece->current++;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- columns */

static Status label_column(const SeriesPiece *piece, const Gather *g, uint16_t column, Column *ret,
                           Error *err)
{
    const PieceDict *dict = &piece->dicts[column];
    Type type = piece->scan->spec->table->columns[column].type;

    if (g->span_count == 1) {
        uint32_t code = dict->codes[g->spans[0].series];
        if (code == UINT32_MAX)
            return column_init_null(ret, g->arena, type, g->count, err);
        *ret = (Column){.type = type,
                        .is_const = true,
                        .len = g->count,
                        .values = (const View *)dict->dict.values + code};
        return STATUS_OK;
    }
    uint32_t *codes;
    uint8_t *valid = NULL;
    TRY(alloc(g->arena, sizeof *codes * BATCH_ROWS, &codes, err));
    if (dict->has_null)
        TRY(alloc_bits(g->arena, true, &valid, err));
    for (uint32_t s = 0, row = 0; s < g->span_count; s++) {
        uint32_t code = dict->codes[g->spans[s].series];
        for (; row < g->spans[s].end; row++) {
            codes[row] = code == UINT32_MAX ? 0 : code;
            if (code == UINT32_MAX)
                bit_clear(valid, row);
        }
    }
    *ret = (Column){
        .type = type, .len = g->count, .validity = valid, .values = codes, .dict = &dict->dict};
    return STATUS_OK;
}

static Status make_column(const SeriesPiece *piece, const Gather *g, uint16_t column, Column *ret,
                          Error *err)
{
    Type type = piece->scan->spec->table->columns[column].type;

    *ret = (Column){.type = type, .len = g->count};
    switch (piece->scan->sources[column].kind) {
    case SOURCE_TS:
        ret->values = g->ts_us;
        return STATUS_OK;
    case SOURCE_NAME:
    case SOURCE_LABELS:
    case SOURCE_LABEL:
        return label_column(piece, g, column, ret, err);
    case SOURCE_VALUE:
        ret->values = g->values;
        ret->validity = g->has_null_value ? g->value_valid : NULL;
        return STATUS_OK;
    case SOURCE_STALE:
        ret->values = g->stale;
        return STATUS_OK;
    case SOURCE_HISTOGRAM:
        ret->values = g->histograms;
        ret->validity = g->histogram_valid;
        return STATUS_OK;
    case SOURCE_START:
        ret->values = g->start_us;
        ret->validity = g->start_valid;
        return STATUS_OK;
    }
    return STATUS_OK;
}

static Status filter_batch(const SeriesPiece *piece, const Gather *g, uint32_t *rows,
                           uint32_t *ret_kept, Error *err)
{
    const SeriesScan *scan = piece->scan;
    uint8_t mask[BATCH_ROWS];

    memset(mask, 1, g->count);
    for (uint32_t i = 0; i < scan->sample_predicate_count; i++) {
        const ScanPredicate *p = scan->sample_predicates[i];
        Column column;
        RowFilter filter;
        TRY(make_column(piece, g, p->column, &column, err));
        TRY(row_filter_init(&filter, p, p->value.type, NULL, g->arena, err));
        row_filter_apply(&filter, &column, mask);
    }
    *ret_kept = row_filter_rows(mask, g->count, rows);
    return STATUS_OK;
}

static Status project(const SeriesPiece *piece, const Gather *g, const uint32_t *rows,
                      uint32_t kept, RecordBatch *ret, Error *err)
{
    const ScanSpec *spec = piece->scan->spec;
    Column *columns;

    TRY(arena_try_alloc(g->arena, sizeof *columns * LUMA_MAX(spec->column_count, 1), &columns,
                        err));
    for (uint32_t i = 0; i < spec->column_count; i++) {
        Column column;
        TRY(make_column(piece, g, spec->columns[i], &column, err));
        if (kept == g->count)
            columns[i] = column;
        else
            TRY(column_take(&column, rows, kept, g->arena, &columns[i], err));
    }
    *ret = (RecordBatch){.columns = columns, .column_count = spec->column_count, .row_count = kept};
    return STATUS_OK;
}

Status series_piece_next(SeriesPiece *piece, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    uint32_t rows[BATCH_ROWS];

    if (!piece->ready)
        TRY(prepare_piece(piece, err));
    Gather g;
    TRY(begin_gather(piece->scan, arena, &g, err));
    for (;; restart_gather(&g)) {
        TRY(gather_batch(piece, &g, err));
        uint32_t kept = g.count;
        if (g.count && piece->scan->sample_predicate_count)
            TRY(filter_batch(piece, &g, rows, &kept, err));
        if (kept)
            return project(piece, &g, rows, kept, ret_batch, err);
        if (!g.count) {
            *ret_batch = (RecordBatch){0};
            return STATUS_OK;
        }
    }
}
