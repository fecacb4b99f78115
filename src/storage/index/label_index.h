/* label_index.h - interned label pairs and the inverted index over them.
 *
 *   (name, value) --hash shards--> pair id --paged array--> LabelPair { value text, name id,
 * postings } name          --table-------> name id ----------------> LabelName { text, pair ids,
 * postings }
 *
 * A pair id stands for one label of one value: two series have a label in common when they have a
 * pair id in common, so grouping and indexing never touch a text. Ids are dense; one is given out
 * again only after label_index_release.
 *
 * Threads: any thread. Texts and ids are immutable once made, read without a lock. Lock order: a
 * pair shard's lock, then `lock`. Writers get `lock` before readers that come later.
 */
#ifndef LUMA_STORAGE_INDEX_LABEL_INDEX_H
#define LUMA_STORAGE_INDEX_LABEL_INDEX_H

#include "base/label.h"
#include "base/paged.h"
#include "base/thread.h"
#include "storage/index/id_table.h"
#include "storage/index/postings.h"

enum { LABEL_PAIR_SHARDS = 16, LABEL_PAGE_ITEMS = 1024 };

typedef struct LabelPair {
    const char *text; /* the value; owned */
    uint32_t len;
    uint32_t name;     /* name id */
    Postings postings; /* guarded by `lock` */
} LabelPair;

typedef struct LabelName {
    const char *text; /* owned */
    uint32_t len;
    uint32_t pair_count; /* guarded by `lock`, as all below */
    uint32_t pair_cap;
    uint32_t *pairs;   /* ids of all its values, in order of appearance */
    Postings postings; /* series that have the label */
} LabelName;

typedef struct LabelPairShard {
    Mutex lock;
    IdTable table; /* guarded by lock */
} __attribute__((aligned(64))) LabelPairShard;

typedef struct LabelIndex {
    LabelPairShard shards[LABEL_PAIR_SHARDS];
    MemBudget *budget;
    uint64_t seed;
    RwLock lock;
    Paged pairs;          /* pages of LabelPair */
    Paged names;          /* pages of LabelName */
    IdTable name_table;   /* guarded by lock */
    Postings all;         /* every series; guarded by lock */
    uint32_t pair_count;  /* ids given out; guarded by lock */
    uint32_t *free_pairs; /* ids to give out again; guarded by lock */
    uint32_t free_count;
    uint32_t free_cap;
    uint32_t name_count; /* likewise */
    int64_t charged;     /* atomic: what the budget holds for us */
} LabelIndex;

/* `budget` outlives the index. */
void label_index_init(LabelIndex *index, MemBudget *budget);
void label_index_done(LabelIndex *index);

/* The pair's id, made when it is new. STATUS_LIMIT of the budget. */
Status label_index_intern(LabelIndex *index, Str name, Str value, uint32_t *ret_pair, Error *err);
/* False when no series ever had it. */
bool label_index_find(LabelIndex *index, Str name, Str value, uint32_t *ret_pair);
bool label_index_find_name(LabelIndex *index, Str name, uint32_t *ret_name);

static inline const LabelPair *label_index_pair(const LabelIndex *index, uint32_t pair)
{
    return (const LabelPair *)paged_page(&index->pairs, pair / LABEL_PAGE_ITEMS) +
           pair % LABEL_PAGE_ITEMS;
}
static inline const LabelName *label_index_name(const LabelIndex *index, uint32_t name)
{
    return (const LabelName *)paged_page(&index->names, name / LABEL_PAGE_ITEMS) +
           name % LABEL_PAGE_ITEMS;
}
static inline Label label_index_label(const LabelIndex *index, uint32_t pair)
{
    const LabelPair *p = label_index_pair(index, pair);
    const LabelName *n = label_index_name(index, p->name);
    return (Label){{n->text, n->len}, {p->text, p->len}};
}

/* Puts a series under its pairs; from now on label_index_select finds it. */
void label_index_add(LabelIndex *index, uint32_t ref, const uint32_t *pairs, uint32_t pair_count);
void label_index_remove(LabelIndex *index, uint32_t ref, const uint32_t *pairs,
                        uint32_t pair_count);

/* Takes the pairs that no series has out of the index and appends them to a mem_alloc'ed array;
 * their texts stay readable until label_index_release. Nobody is interning meanwhile. */
void label_index_sweep(LabelIndex *index, uint32_t **pairs, uint32_t *count, uint32_t *cap);
/* Frees swept pairs; their ids may be given out again. */
void label_index_release(LabelIndex *index, const uint32_t *pairs, uint32_t count);

/* Refs that match all matchers, ascending (arena). Prometheus' rules: an absent label is "". */
Status label_index_select(LabelIndex *index, const LabelMatcher *matchers, uint32_t matcher_count,
                          Arena *arena, uint32_t **ret_refs, uint32_t *ret_count, Error *err);

/* Label names that have series, and values of one name that have series: in no order (arena). */
Status label_index_names(LabelIndex *index, Arena *arena, Str **ret_names, uint32_t *ret_count,
                         Error *err);
Status label_index_values(LabelIndex *index, Str name, Arena *arena, Str **ret_values,
                          uint32_t *ret_count, Error *err);

/* How many name ids (or pair ids) were given out. */
uint32_t label_index_id_count(LabelIndex *index, bool names);

/* Calls on_pair for every pair with series, under the read lock: it must be short. */
void label_index_each(LabelIndex *index,
                      void (*on_pair)(void *ctx, Label label, uint32_t pair, uint32_t series_count),
                      void *ctx);

#endif
