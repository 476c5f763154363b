/* What the kernel is asked, and what a thread works in: the same for every instruction set. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define LANES 16
#define LEVELS_MAX 8
/* Blocks come in classes of how many of their configurations are typically at most the middle of a batch, the most
 * first, so that hopeless products end early. */
#define CLASSES 4
static const int CLASS_COUNTS[CLASSES] = {4, 2, 1, 0};

/* See index.py. The runs of place p are rows starts[p] to starts[p + 1] of `complements`. Level 0 holds the best
 * corners of configurations, the last level is scanned whole. */
typedef struct {
    const int32_t *complements;
    const int64_t *starts;
    const double *runs;
    const double *potentials; /* of each run, and where it stands in the objectives without a margin; or NULL */
    const int64_t *precedences;
    int64_t size;
    int64_t dimensions;        /* of the samples */
    int64_t corner_dimensions; /* of the corners, at least as many */
    int64_t level_count;
    const int32_t *centres;
    const int32_t *levels[LEVELS_MAX];
    int64_t blocks[LEVELS_MAX];
} index_t;

enum { AT_MOST = 0, DOMINATES = 1, BEATS = 2 };

/* See query.py. Batch b is points batches[b] to batches[b + 1], at most 16; a point belongs to place owners[point]. */
typedef struct {
    const int32_t *codes;
    const int32_t *cuts; /* where the rule has cuts */
    const int64_t *batches;
    const int32_t *owners;
    const int32_t *homes; /* the group of each batch, where values are shared */
    const double *potentials;
    const int64_t *precedences;
    int64_t rule;
    double floor;
} points_t;

/* See query.py: the values of group g are rows starts[g] to starts[g + 1], and once more in lanes in blocks
 * block_starts[g] to block_starts[g + 1]; least_cuts (G, s) are the smallest of a group's cuts; worst (G, s) is the
 * furthest that another may be behind and still count. */
typedef struct {
    const int32_t *values, *cuts, *worst, *least_cuts, *blocks;
    const int32_t *loose;      /* (V, s) what is worse than each value by no more than the margin */
    const double *potentials;  /* (V,) */
    const int64_t *precedences;
    const int64_t *starts, *block_starts;
    int64_t components, group_count, most_values;
} shared_t;

/* What a thread works in: the level-0 blocks that may hold who counts against a batch; the points of the batch and
 * their cuts in lanes, complemented, so that "at least" is "at most"; the batch's corners. */
typedef struct {
    int32_t *blocks, *spare, *order, *points, *cuts, *low, *high, *middle, *memory;
    int32_t owners[LANES];
    int64_t block_count;
} space_t;

/* Where a walk over those blocks stands, and what it counted last: for each lane of the batch the number of runs of
 * a place that count, without and with the demand for one objective less. */
typedef struct {
    int64_t at;
    int32_t first;
    uint32_t places, active, others; /* of its lanes those that may count, and those of other places */
    int32_t weak[LANES], strict[LANES];
} walk_t;

/* What a thread keeps of groups: their products in each lane, and their relation to the values of `related`. */
typedef struct {
    double *better, *equal;     /* (G, 16) */
    double *p_better, *p_equal; /* (G, most_values) */
    int32_t *related, *touched;
    uint8_t *met;
    int64_t touched_count;
} groups_t;

static int make_space(space_t *space, const index_t *index) {
    const size_t d = (size_t)index->corner_dimensions, blocks = (size_t)index->blocks[0] + 2 * LANES;
    space->memory = malloc((3 * blocks + (2 * LANES + 3) * d) * sizeof(int32_t));
    if (space->memory == NULL)
        return 0;
    space->blocks = space->memory;
    space->spare = space->blocks + blocks;
    space->order = space->spare + blocks;
    space->points = space->order + blocks;
    space->cuts = space->points + LANES * d;
    space->low = space->cuts + LANES * d;
    space->high = space->low + d;
    space->middle = space->high + d;
    return 1;
}

/* The 32-bit integer in the order of x, rounded down to float32; as rank_codes.float_keys says it. */
static inline int32_t key_down(double x) {
    const float rounded = (float)x + 0.0f;
    int32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return (bits < 0 ? bits ^ 0x7FFFFFFF : bits) - ((double)rounded > x);
}

/* Rows (count, d) complemented, in lanes; a lane without a row is at least nothing. */
static void set_lanes(int32_t *lanes, const int32_t *rows, int64_t count, int64_t d) {
    for (int64_t k = 0; k < d; k++)
        for (int64_t r = 0; r < LANES; r++)
            lanes[k * LANES + r] = r < count ? ~rows[r * d + k] : INT32_MAX;
}

/* Whose the points of a batch are, in lanes. */
static void set_owners(space_t *space, const int32_t *owners, int64_t count) {
    for (int64_t l = 0; l < LANES; l++)
        space->owners[l] = l < count ? owners[l] : -1;
}

/* Take a batch of rows (count, d), with cuts or without. */
static void set_batch(space_t *space, const int32_t *rows, const int32_t *cuts, int64_t count, int64_t d) {
    set_lanes(space->points, rows, count, d);
    if (cuts != NULL)
        set_lanes(space->cuts, cuts, count, d);
    for (int64_t k = 0; k < d; k++) {
        int32_t low = rows[k], high = rows[k];
        for (int64_t r = 1; r < count; r++) {
            const int32_t x = rows[r * d + k];
            low = x < low ? x : low;
            high = x > high ? x : high;
        }
        space->low[k] = low;
        space->high[k] = high;
        space->middle[k] = low + (high - low) / 2;
    }
}

/* Whether every value of group g is better than every value of group home. */
static int surely_better(const shared_t *shared, int32_t home, int32_t g) {
    for (int64_t k = 0; k < shared->components; k++)
        if (shared->worst[g * shared->components + k] > shared->least_cuts[home * shared->components + k])
            return 0;
    return 1;
}

static void free_groups(groups_t *state) {
    free(state->better), free(state->related), free(state->met);
}

static int make_groups(groups_t *state, const shared_t *shared) {
    const size_t groups = (size_t)shared->group_count, table = groups * (size_t)shared->most_values;
    state->better = malloc((2 * groups * LANES + 2 * table) * sizeof(double));
    state->related = malloc(2 * groups * sizeof(int32_t));
    state->met = calloc(groups, 1);
    state->touched_count = 0;
    if (state->better == NULL || state->related == NULL || state->met == NULL) {
        free_groups(state);
        return 0;
    }
    state->equal = state->better + groups * LANES;
    state->p_better = state->equal + groups * LANES;
    state->p_equal = state->p_better + table;
    state->touched = state->related + groups;
    memset(state->related, -1, groups * sizeof(int32_t));
    return 1;
}

/* What a pair of values (home's `value`, another group's) does to a comparison; see shared_beats.h. */
typedef struct {
    double delta;
    int32_t value, is_gain;
} pair_t;

/* The sorted pairs of two groups, and once more their deltas alone. */
typedef struct {
    pair_t *sorted;
    double *deltas;
    int32_t *allowed;
    int64_t count;
    int32_t home, group;
} pairs_t;

/* At most this many pairs are kept sorted (96 MB); where there are more, some are sorted again for each batch. */
#define PAIRS_KEPT_MAX (1 << 22)

/* What a thread keeps for shared_beats.h: the places near a batch in a list for each group met; of one group the
 * counts and products for all pairs; for each home value the total and the factor of that group. */
typedef struct {
    pairs_t *cache;
    pair_t *sorted;
    double *deltas;
    int32_t *allowed;
    int64_t slots, listed;
    int32_t *heads, *tails, *groups, *next, *gaining, *helped;
    double *products, *totals, *factors;
} beats_t;

static int compare_pairs(const void *a, const void *b) {
    const double x = ((const pair_t *)a)->delta, y = ((const pair_t *)b)->delta;
    return (x > y) - (x < y);
}

static void free_beats(beats_t *state) {
    free(state->cache), free(state->sorted), free(state->deltas), free(state->allowed);
    free(state->heads), free(state->gaining), free(state->products);
}

static int make_beats(beats_t *state, const index_t *index, const shared_t *shared) {
    const size_t groups = (size_t)shared->group_count, most = (size_t)shared->most_values, pairs = most * most;
    const size_t fit = PAIRS_KEPT_MAX / pairs, slots = fit > groups ? groups : fit > 0 ? fit : 1;
    state->cache = calloc(slots, sizeof(pairs_t));
    state->heads = malloc((3 * groups + (size_t)index->size + 1) * sizeof(int32_t));
    state->gaining = malloc(2 * (pairs + 1) * LANES * sizeof(int32_t));
    state->products = malloc((pairs + 2 * most) * LANES * sizeof(double));
    state->sorted = malloc(slots * pairs * sizeof(pair_t));
    state->deltas = malloc(slots * pairs * sizeof(double));
    state->allowed = malloc(slots * most * sizeof(int32_t));
    if (state->cache == NULL || state->heads == NULL || state->gaining == NULL || state->products == NULL ||
        state->sorted == NULL || state->deltas == NULL || state->allowed == NULL) {
        free_beats(state);
        return 0;
    }
    for (size_t slot = 0; slot < slots; slot++)
        state->cache[slot] = (pairs_t){
            state->sorted + slot * pairs, state->deltas + slot * pairs, state->allowed + slot * most, 0, -1, -1};
    state->slots = (int64_t)slots;
    state->tails = state->heads + groups, state->groups = state->tails + groups, state->next = state->groups + groups;
    memset(state->heads, -1, groups * sizeof(int32_t));
    state->helped = state->gaining + (pairs + 1) * LANES;
    state->totals = state->products + pairs * LANES, state->factors = state->totals + most * LANES;
    return 1;
}
