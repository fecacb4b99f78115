/* join_search.c - picks an order of joins: dynamic programming over subsets of few relations, a
 * greedy walk over many.
 *
 * Rows of a subset are the product of its relations' rows over the values of the keys between them.
 * Columns that are equal through keys form a class; within a class all but the fewest values count,
 * each for its relation, and a relation's keys together have no more values than it has rows. */
#include "query/optimizer/join_order.h"

enum { EXACT_RELATIONS_MAX = 9 };

static double rows_of(const JoinGraph *g, uint64_t mask)
{
    double rows = 1;
    double values[JOIN_RELATIONS_MAX];
    for (uint32_t r = 0; r < g->relation_count; r++) {
        values[r] = 1;
        if (mask >> r & 1)
            rows *= LUMA_MAX(g->relations[r].rows, 1.0);
    }
    for (uint32_t c = 0; c < g->class_count; c++) {
        const KeyClass *class = &g->classes[c];
        const KeySide *fewest = NULL;
        for (uint32_t i = 0; i < class->count; i++) {
            const KeySide *side = &class->sides[i];
            if (!(mask >> side->relation & 1))
                continue;
            if (!fewest || side->distinct < fewest->distinct ||
                (side->distinct == fewest->distinct &&
                 g->relations[side->relation].rows > g->relations[fewest->relation].rows))
                fewest = side;
        }
        for (uint32_t i = 0; i < class->count; i++)
            if (&class->sides[i] != fewest && mask >> class->sides[i].relation & 1)
                values[class->sides[i].relation] *= class->sides[i].distinct;
    }
    for (uint32_t r = 0; r < g->relation_count; r++)
        rows /= LUMA_MAX(LUMA_MIN(values[r], g->relations[r].rows_unfiltered), 1.0);
    for (uint32_t i = 0; i < g->conjunct_count; i++) {
        const JoinConjunct *c = &g->conjuncts[i];
        if (!c->is_key && !c->derived && c->mask && (c->mask & ~mask) == 0)
            rows *= c->share;
    }
    return LUMA_MAX(rows, 1.0);
}

static bool has_key(const JoinGraph *g, uint64_t a, uint64_t b)
{
    for (uint32_t i = 0; i < g->conjunct_count; i++) {
        const JoinConjunct *c = &g->conjuncts[i];
        if (!c->is_key)
            continue;
        bool straight = (c->sides[0] & ~a) == 0 && (c->sides[1] & ~b) == 0;
        bool crossed = (c->sides[1] & ~a) == 0 && (c->sides[0] & ~b) == 0;
        if (straight || crossed)
            return true;
    }
    return false;
}

/* The larger side probes a table of the smaller one. */
static double cost_of(const JoinGraph *g, const JoinTree *a, const JoinTree *b, double rows)
{
    double pairs = has_key(g, a->mask, b->mask)
                       ? LUMA_MAX(a->rows, b->rows) + 2 * LUMA_MIN(a->rows, b->rows)
                       : 4 * a->rows * b->rows;
    return a->cost + b->cost + pairs + rows;
}

static JoinTree *join_trees(const JoinGraph *g, const JoinTree *a, const JoinTree *b, double rows)
{
    JoinTree *both = ARENA_NEW(g->plan->arena, JoinTree);
    bool straight = a->rows >= b->rows;
    *both = (JoinTree){.mask = a->mask | b->mask,
                       .rows = rows,
                       .cost = cost_of(g, a, b, rows),
                       .left = straight ? a : b,
                       .right = straight ? b : a};
    return both;
}

static JoinTree *leaf(const JoinGraph *g, uint32_t relation)
{
    JoinTree *tree = ARENA_NEW(g->plan->arena, JoinTree);
    *tree = (JoinTree){.mask = UINT64_C(1) << relation, .rows = g->relations[relation].rows};
    return tree;
}

static const JoinTree *search_exact(const JoinGraph *g, const uint32_t *numbers, uint32_t count)
{
    uint32_t subsets = 1u << count;
    const JoinTree **best = ARENA_NEW_ARRAY(g->plan->arena, const JoinTree *, subsets);
    for (uint32_t i = 0; i < count; i++)
        best[1u << i] = leaf(g, numbers[i]);
    for (uint32_t set = 1; set < subsets; set++) {
        if (best[set])
            continue;
        uint64_t mask = 0;
        for (uint32_t i = 0; i < count; i++)
            if (set >> i & 1)
                mask |= UINT64_C(1) << numbers[i];
        double rows = rows_of(g, mask);
        double cheapest = 0;
        uint32_t found = 0;
        for (uint32_t part = (set - 1) & set; part; part = (part - 1) & set) {
            if (part < (set & ~part)) /* each split once */
                continue;
            double cost = cost_of(g, best[part], best[set & ~part], rows);
            if (!found || cost < cheapest) {
                cheapest = cost;
                found = part;
            }
        }
        best[set] = join_trees(g, best[found], best[set & ~found], rows);
    }
    return best[subsets - 1];
}

/* Joins the pair of trees that gives the fewest rows, keys first, until one is left. */
static const JoinTree *search_greedy(const JoinGraph *g, const uint32_t *numbers, uint32_t count)
{
    const JoinTree *trees[JOIN_RELATIONS_MAX];
    for (uint32_t i = 0; i < count; i++)
        trees[i] = leaf(g, numbers[i]);
    while (count > 1) {
        uint32_t best_a = 0;
        uint32_t best_b = 1;
        double best_rows = 0;
        bool best_key = false;
        bool found = false;
        for (uint32_t a = 0; a < count; a++) {
            for (uint32_t b = a + 1; b < count; b++) {
                bool key = has_key(g, trees[a]->mask, trees[b]->mask);
                if (found && best_key && !key)
                    continue;
                double rows = rows_of(g, trees[a]->mask | trees[b]->mask);
                if (found && key == best_key && rows >= best_rows)
                    continue;
                found = true;
                best_a = a;
                best_b = b;
                best_rows = rows;
                best_key = key;
            }
        }
        trees[best_a] = join_trees(g, trees[best_a], trees[best_b], best_rows);
        trees[best_b] = trees[--count];
    }
    return trees[0];
}

const JoinTree *join_search(const JoinGraph *graph)
{
    uint32_t numbers[JOIN_RELATIONS_MAX];
    uint32_t count = 0;
    for (uint32_t r = 0; r < graph->relation_count; r++)
        if (!graph->relations[r].attached)
            numbers[count++] = r;
    if (count <= EXACT_RELATIONS_MAX)
        return search_exact(graph, numbers, count);
    return search_greedy(graph, numbers, count);
}
