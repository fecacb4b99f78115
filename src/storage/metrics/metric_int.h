/* metric_int.h - how the series store lies in memory. Private to storage/metrics.
 *
 * Series live in pages of 1024 by ref, 64 bytes each: one cache line holds all that an append or an
 * instant read needs besides the tail of the open chunk. What few series need hangs off in
 * SeriesMore.
 *
 * Invariants
 *  1. A sample goes into the open chunk only when it is newer than every sample its series ever
 * had; so in-order chunks ascend, overlap nothing among themselves, and hold no (series, ms) twice.
 *  2. Every other sample goes to the side: a sorted buffer, sealed into side chunks. A side sample
 * was written after any in-order sample of the same ms, and a later side chunk after an earlier
 * one. So reads let side win over in-order, later side over earlier, the buffer over all.
 *  3. Sealed payloads live in their segment's slabs and never change. Snapshots hold the segments.
 *  4. Only the applier and a purge change what a page's lock guards; readers copy under the lock.
 *  5. A snapshot sees generations from its oldest segment's on; a segment is purged when only the
 * store holds it, so what a snapshot sees stays.
 *
 * Lock order: registry shard, pair shard, index lock; raw shard; page lock is innermost.
 */
#ifndef LUMA_STORAGE_METRICS_METRIC_INT_H
#define LUMA_STORAGE_METRICS_METRIC_INT_H

#include "base/hash.h"
#include "base/paged.h"
#include "base/thread.h"
#include "storage/hot/segment_map.h"
#include "storage/index/label_index.h"
#include "storage/metrics/metric_store.h"

enum {
    PAGE_SERIES = 1024,
    REGISTRY_SHARDS = 64,
    SIDE_SAMPLES_MAX = 128, /* a side buffer is sealed at this size */
    MARK_SAMPLES = 64,
    MARK_COUNT = CHUNK_SAMPLES_MAX / MARK_SAMPLES - 1,
    HISTOGRAMS_PER_CHUNK = 64,
    HISTOGRAM_CHUNK_BYTES = 32 << 10,
    SLAB_BYTES_FIRST = 16 << 10,
    SLAB_BYTES_MAX = 1 << 20,
};

typedef enum ChunkKind { CHUNK_FLOAT, CHUNK_HISTOGRAM } ChunkKind;

/* One sealed chunk. */
typedef struct ChunkMeta {
    ChunkSummary summary;
    const char *payload; /* in a slab of its segment */
    uint32_t len;
    uint32_t generation : 30;
    uint32_t kind : 1; /* ChunkKind */
    uint32_t side : 1; /* sealed from the side buffer */
} ChunkMeta;
_Static_assert(sizeof(ChunkMeta) == 80, "chunk metas are counted per sample");

/* An out-of-order sample. */
typedef struct SideSample {
    int64_t ts;
    uint64_t bits;
    int64_t start;
    char *blob; /* owned; NULL = a float */
    uint32_t blob_len;
} SideSample;

/* What only some series have. Guarded by the page's lock. */
typedef struct SeriesMore {
    ChunkMeta *chunks; /* in order of sealing */
    uint32_t chunk_count;
    uint32_t chunk_cap;
    SideSample *side; /* ascending, no ms twice */
    uint16_t side_count;
    uint16_t side_cap;
    uint32_t side_chunk_count; /* side chunks among `chunks` */
    /* The open float chunk's writer as it was after each MARK_SAMPLES samples: reads of recent
     * samples begin there. Those up to w.count are good. */
    GorillaWriter marks[MARK_COUNT];
    int64_t open_start;    /* last start timestamp of the open chunk */
    int64_t open_first_ts; /* histograms: first of the open chunk */
    int64_t open_base_ts;  /* histograms: last one written */
    Buf histograms;        /* open histogram chunk: see metric_append.c */
} SeriesMore;

/* Labels of a series, immutable. */
typedef struct SeriesLabels {
    uint32_t shape; /* id of its list of names */
    uint32_t count;
    uint32_t pairs[]; /* pair ids, ascending by name text */
} SeriesLabels;

typedef enum SeriesFlag {
    SERIES_HAS_LAST = 1,       /* w.ts is the newest ms ever written */
    SERIES_LAST_ELSEWHERE = 2, /* that sample's value is not w.bits (histogram, or written twice) */
    SERIES_OPEN_HISTOGRAM = 4, /* the open chunk holds histograms */
    SERIES_OPEN_STARTS = 8,    /* the open chunk has start timestamps */
    SERIES_DROPPED = 16,       /* out of the registry; its labels wait for old snapshots */
} SeriesFlag;

/* 64 bytes; `labels` is immutable after publish, the rest guarded by the page's lock (the applier
 * reads without it). */
typedef struct Series {
    GorillaWriter w;            /* count = samples of the open chunk, of either kind */
    uint8_t *open;              /* the open float chunk, in its page's region */
    SeriesMore *more;           /* NULL = none */
    const SeriesLabels *labels; /* NULL = no such series; atomic: release at registration */
    uint16_t open_cap;
    uint8_t flags; /* SeriesFlag */
    uint8_t pad;
    uint32_t generation; /* of what is open */
} Series;
_Static_assert(sizeof(Series) == 64, "a series is one cache line");

/* The open float chunks of a page's series lie in one region, laid out anew when it is full
 * (metric_open.c): no heap block per series, and neighbours in memory are neighbours in a batch. */
typedef struct SeriesPage {
    Mutex lock;
    uint8_t *open_bytes; /* the region; guarded by lock, as all below but the durable bits */
    uint32_t open_cap;   /* its size */
    uint32_t open_used;  /* given out so far */
    uint32_t open_live;  /* of it still in use */
    char pad[64 - sizeof(Mutex) - 20];
    uint64_t durable[PAGE_SERIES / 64]; /* atomic bits */
    Series series[PAGE_SERIES];
} __attribute__((aligned(64))) SeriesPage;

/* A raw label encoding and its series. `ref` is set last; the rest is immutable but `next`. */
typedef struct RawEntry {
    uint64_t low; /* 128-bit hash of the bytes, codec mixed in */
    uint64_t high;
    SeriesRef ref;
    uint32_t next; /* atomic: 1 + the entry that followed last time, 0 = none */
} RawEntry;

typedef struct RegistryShard {
    Mutex lock;
    IdTable table; /* guarded by lock */
} __attribute__((aligned(64))) RegistryShard;

/* The sorted names of series that have the same ones. */
typedef struct LabelShape {
    uint32_t count;
    uint32_t names[];
} LabelShape;

typedef struct Slab {
    struct Slab *next;
    size_t size;
} Slab;

/* The samples between two freezes: owns their sealed payloads. */
typedef struct MetricSegment {
    Segment base;
    MetricStore *store;
    uint32_t generation;
    Slab *slabs; /* applier only, until the segment is freed */
    char *cursor;
    char *limit;
    size_t slab_bytes; /* size of the next slab */
    int64_t charged;   /* bytes of slabs */
    /* what snapshots that hold the segment may still look at; freed with it (metric_store_purge) */
    SeriesRef *dropped; /* their labels */
    uint32_t dropped_count;
    uint32_t dropped_cap;
    uint32_t *pairs; /* label pairs that no series has any more */
    uint32_t pair_count;
    uint32_t pair_cap;
} MetricSegment;

struct MetricStore {
    MemBudget *budget;
    int64_t charged; /* atomic: all but the index and the slabs */

    LabelIndex index;

    Paged pages;           /* of SeriesPage; NULL where all series were dropped */
    Mutex series_lock;     /* making of pages, entries and shapes */
    uint32_t next_ref;     /* guarded by series_lock */
    uint32_t next_entry;   /* likewise */
    uint64_t series_count; /* atomic: relaxed */

    RegistryShard by_labels[REGISTRY_SHARDS]; /* refs by hash of pair ids */
    RegistryShard by_raw[REGISTRY_SHARDS];    /* entries by raw hash */
    Paged entries;                            /* pages of RawEntry */

    Mutex shape_lock;
    IdTable shape_table;  /* guarded by shape_lock */
    Paged shapes;         /* pages of LabelShape pointers */
    uint32_t shape_count; /* guarded by shape_lock; atomic for readers */

    SegmentMap segment_map;
    Mutex segments_lock;
    MetricSegment **segments; /* guarded by segments_lock: live ones, ascending generation */
    uint32_t segment_count;
    uint32_t segment_cap;
    MetricSegment **retired; /* guarded by segments_lock: dropped, not purged, ascending */
    uint32_t retired_count;
    uint32_t retired_cap;

    /* the applier's */
    SeriesPage *held; /* the page whose lock it holds */
    MetricSegment *current;
    uint32_t generation;
    int64_t pending_bytes; /* taken since the budget was told */
    Buf scratch;           /* payload being made */
    Buf open_copy;         /* open chunk being sealed */
    Lsn applied_lsn;       /* atomic: release by the applier */

    /* counts, atomic: relaxed, written by the applier */
    uint64_t sample_count;
    uint64_t sealed_chunk_count;
    uint64_t sealed_bytes;
    int64_t min_ts;
    int64_t max_ts;
};

struct MetricSnapshot {
    MetricStore *store;
    int64_t ref_count;       /* atomic */
    uint32_t min_generation; /* older ones are in parts */
    uint32_t segment_count;
    MetricSegment *segments[];
};

static inline SeriesPage *metric__page(const MetricStore *store, SeriesRef ref)
{
    return paged_page(&store->pages, ref / PAGE_SERIES);
}

/* NULL when there is no such series. */
static inline Series *metric__series(const MetricStore *store, SeriesRef ref)
{
    SeriesPage *page = metric__page(store, ref);
    return page ? &page->series[ref % PAGE_SERIES] : NULL;
}

static inline const SeriesLabels *metric__labels(const MetricStore *store, SeriesRef ref)
{
    const Series *series = metric__series(store, ref);
    return series ? __atomic_load_n(&series->labels, __ATOMIC_ACQUIRE) : NULL;
}

static inline const LabelShape *metric__shape(const MetricStore *store, uint32_t shape)
{
    void **page = paged_page(&store->shapes, shape / LABEL_PAGE_ITEMS);
    return page[shape % LABEL_PAGE_ITEMS];
}

/* metric_store.c: charging. charge asks (UNAVAILABLE when full), charge_anyway does not. */
Status metric__charge(MetricStore *store, int64_t bytes, Error *err);
void metric__charge_anyway(MetricStore *store, int64_t bytes);

/* metric_segment.c */
MetricSegment *metric__segment_new(MetricStore *store, uint32_t generation);
/* Room for an immutable payload; the applier. */
char *metric__segment_alloc(MetricSegment *segment, size_t size);
/* The live segment of a generation; the applier. */
MetricSegment *metric__segment_find(MetricStore *store, uint32_t generation);

/* metric_registry.c: takes a series' label set out of its table; takes the entries of all refs for
 * which `dead` has a bit out of theirs. Nobody else is in the registry. */
void metric__unregister_labels(MetricStore *store, SeriesRef ref);
void metric__unregister_raw(MetricStore *store, const uint8_t *dead);

/* metric_open.c: gives a series of the page at least `extra` free bytes behind its open chunk;
 * other open chunks of the page may move. Under the page's lock. Returns the change of the region's
 * size. */
int64_t metric__open_grow(SeriesPage *page, Series *series, uint32_t extra);
/* Gives a series' place back. The region shrinks when most of it is unused: returns its change. */
int64_t metric__open_free(SeriesPage *page, Series *series);

/* metric_append.c: frees what hangs off a series (not its labels) and forgets its open chunk;
 * returns the bytes. */
int64_t metric__series_clear(SeriesPage *page, Series *series);
/* Bytes of a payload of `count` histogram samples are walked by this cursor. */
typedef struct HistogramCursor {
    BufReader reader;
    int64_t ts;
    int64_t start;
    Str blob;
} HistogramCursor;
static inline HistogramCursor metric__histogram_cursor(Str payload)
{
    return (HistogramCursor){.reader = buf_reader(payload)};
}
/* False at the end. */
bool metric__histogram_next(HistogramCursor *cursor);

#endif
