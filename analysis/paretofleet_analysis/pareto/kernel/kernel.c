/* The kernel of the exact stochastic ranking; plain.py says the same in numpy.
 *
 * The file includes itself once per instruction set: each pass gives the functions of the second half a suffix and
 * that set's lane comparisons, and the exported functions choose at run time. Results do not depend on the choice:
 * all sets visit the index in one order and multiply doubles in one order (compile without contraction). Nor do they
 * depend on threads: those are the caller's, and a batch of points is answered from the index alone.
 */
#ifndef INSTRUCTION_SET

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
    int64_t size;
    int64_t dimensions;        /* of the samples */
    int64_t corner_dimensions; /* of the corners, at least as many */
    int64_t level_count;
    const int32_t *centres;
    const int32_t *levels[LEVELS_MAX];
    int64_t blocks[LEVELS_MAX];
} index_t;

enum { AT_MOST = 0, DOMINATES = 1, MARGIN = 2 };

/* See query.py. Batch b is points batches[b] to batches[b + 1], at most 16, and belongs to place own[b]. */
typedef struct {
    const int32_t *codes;
    const int32_t *cuts; /* under the margin rule */
    const int64_t *batches;
    const int32_t *own;
    int64_t rule;
    double floor;
} points_t;

/* See query.py: the values of group g are rows starts[g] to starts[g + 1], and once more in lanes in blocks
 * block_starts[g] to block_starts[g + 1]; least_cuts (G, s) are the smallest of a group's cuts. */
typedef struct {
    const int32_t *values, *cuts, *worst, *least_cuts, *blocks;
    const int64_t *starts, *block_starts;
    int64_t components, group_count, most_values;
} shared_t;

/* What a thread works in: the level-0 blocks that may hold who counts against a batch; the points of the batch and
 * their cuts in lanes, complemented, so that "at least" is "at most"; the batch's corners. */
typedef struct {
    int32_t *blocks, *spare, *order, *points, *cuts, *low, *high, *middle, *memory;
    int64_t block_count;
} space_t;

/* Where a walk over those blocks stands, and what it found last: for each lane of the batch the number of runs of
 * one place that count, without and with the demand for one objective less. */
typedef struct {
    int64_t at;
    int32_t first;
    uint32_t places, active;
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

/* The 32-bit integer in the order of x, rounded down to float32; as coding.float_keys says it. */
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

/* Whether every value of group g is better than every value of group own. */
static int surely_better(const shared_t *shared, int32_t own, int32_t g) {
    for (int64_t k = 0; k < shared->components; k++)
        if (shared->worst[g * shared->components + k] > shared->least_cuts[own * shared->components + k])
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

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define F(name) JOIN(name, INSTRUCTION_SET)

#define INSTRUCTION_SET scalar
#define TARGET
#include __FILE__
#undef INSTRUCTION_SET
#undef TARGET

#if defined(__x86_64__)
#define INSTRUCTION_SET avx2
#define TARGET __attribute__((target("avx2,popcnt,bmi")))
#define USE_AVX2
#include __FILE__
#undef INSTRUCTION_SET
#undef TARGET
#undef USE_AVX2

#define INSTRUCTION_SET avx512
#define TARGET __attribute__((target("avx512f,avx2,popcnt,bmi")))
#define USE_AVX512
#include __FILE__
#undef INSTRUCTION_SET
#undef TARGET
#undef USE_AVX512
#elif defined(__aarch64__)
#define INSTRUCTION_SET neon
#define TARGET
#define USE_NEON
#include __FILE__
#undef INSTRUCTION_SET
#undef TARGET
#undef USE_NEON
#endif

enum { LEVEL_SCALAR = 0, LEVEL_AVX2 = 1, LEVEL_AVX512 = 2, LEVEL_NEON = 3 };

/* Whether this processor and this build know the instruction set. */
EXPORT int pf_supports(int level) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (level == LEVEL_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi");
    if (level == LEVEL_AVX512)
        return __builtin_cpu_supports("avx512f") && pf_supports(LEVEL_AVX2);
#elif defined(__aarch64__)
    if (level == LEVEL_NEON)
        return 1;
#endif
    return level == LEVEL_SCALAR;
}

#if defined(__x86_64__)
#define DISPATCH(name, ...)                             \
    (level == LEVEL_AVX512 ? name##_avx512(__VA_ARGS__) \
     : level == LEVEL_AVX2 ? name##_avx2(__VA_ARGS__)   \
                           : name##_scalar(__VA_ARGS__))
#elif defined(__aarch64__)
#define DISPATCH(name, ...) (level == LEVEL_NEON ? name##_neon(__VA_ARGS__) : name##_scalar(__VA_ARGS__))
#else
#define DISPATCH(name, ...) name##_scalar(__VA_ARGS__)
#endif

/* Each answers batches (or columns of them) begin to end and returns 0, or -1 without memory. */

/* out (rows): 0 where a corner of the index is surely at most the row everywhere and less somewhere, else 1. */
EXPORT int pf_surviving(int level, const index_t *corners, const double *rows, const int64_t *starts, int64_t begin,
                        int64_t end, uint8_t *out) {
    return DISPATCH(surviving, corners, rows, starts, begin, end, out);
}

/* out (points, orders): the law of the number of configurations that count against each point. */
EXPORT int pf_products(int level, const index_t *index, const points_t *points, int64_t orders, int64_t begin,
                       int64_t end, double *out) {
    return DISPATCH(products, index, points, orders, begin, end, out);
}

/* out (points): the probability that nobody counts, over shared values; groups (P) of the places in the index. */
EXPORT int pf_shared_products(int level, const index_t *index, const points_t *points, const int32_t *groups,
                              const shared_t *shared, int64_t begin, int64_t end, double *out) {
    return DISPATCH(shared_products, index, points, groups, shared, begin, end, out);
}

/* out (columns, P): how many pairs (run of a place, point of batches columns[j] to columns[j + 1]) count. */
EXPORT int pf_pairs(int level, const index_t *index, const points_t *points, const int64_t *columns, int64_t begin,
                    int64_t end, double *out) {
    return DISPATCH(pairs, index, points, columns, begin, end, out);
}

#else /* one instruction set */

/* Which of 16 lanes are at most x. */
static inline TARGET uint32_t F(lanes_at_most)(const int32_t *lanes, int32_t x) {
#if defined(USE_AVX512)
    return _mm512_cmple_epi32_mask(_mm512_loadu_si512(lanes), _mm512_set1_epi32(x));
#else
    uint32_t mask = 0;
    for (int l = 0; l < LANES; l++)
        mask |= (uint32_t)(lanes[l] <= x) << l;
    return mask;
#endif
}

static inline TARGET uint32_t F(lanes_equal)(const int32_t *lanes, int32_t x) {
#if defined(USE_AVX512)
    return _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(lanes), _mm512_set1_epi32(x));
#else
    uint32_t mask = 0;
    for (int l = 0; l < LANES; l++)
        mask |= (uint32_t)(lanes[l] == x) << l;
    return mask;
#endif
}

/* Which lanes of a block (d, 16) are in no row above the point. */
static inline TARGET uint32_t F(at_most)(const int32_t *block, const int32_t *point, int64_t d) {
#if defined(USE_AVX512)
    __mmask16 mask = 0xFFFF;
    for (int64_t k = 0; k < d; k++)
        mask = _mm512_mask_cmple_epi32_mask(mask, _mm512_loadu_si512(block + k * LANES), _mm512_set1_epi32(point[k]));
    return mask;
#elif defined(USE_AVX2)
    __m256i low = _mm256_setzero_si256(), high = low;
    for (int64_t k = 0; k < d; k++) {
        const __m256i x = _mm256_set1_epi32(point[k]);
        const __m256i *rows = (const __m256i *)(block + k * LANES);
        low = _mm256_or_si256(low, _mm256_cmpgt_epi32(_mm256_loadu_si256(rows), x));
        high = _mm256_or_si256(high, _mm256_cmpgt_epi32(_mm256_loadu_si256(rows + 1), x));
    }
    const uint32_t above = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(low)) |
                           (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(high)) << 8;
    return ~above & 0xFFFFu;
#elif defined(USE_NEON)
    uint32x4_t above[4] = {vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0), vdupq_n_u32(0)};
    for (int64_t k = 0; k < d; k++) {
        const int32x4_t x = vdupq_n_s32(point[k]);
        for (int part = 0; part < 4; part++)
            above[part] = vorrq_u32(above[part], vcgtq_s32(vld1q_s32(block + k * LANES + 4 * part), x));
    }
    const uint16x8_t low = vcombine_u16(vmovn_u32(above[0]), vmovn_u32(above[1]));
    const uint16x8_t high = vcombine_u16(vmovn_u32(above[2]), vmovn_u32(above[3]));
    const uint8x16_t bytes = vcombine_u8(vmovn_u16(low), vmovn_u16(high));
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vbicq_u8(vld1q_u8(weights), bytes);
    return (uint32_t)vaddv_u8(vget_low_u8(bits)) | (uint32_t)vaddv_u8(vget_high_u8(bits)) << 8;
#else
    uint32_t mask = 0xFFFF;
    for (int64_t k = 0; k < d && mask; k++)
        mask &= F(lanes_at_most)(block + k * LANES, point[k]);
    return mask;
#endif
}

/* Sixteen counters. */
#if defined(USE_AVX512)
typedef __m512i F(counter_t);
static inline TARGET __m512i F(zero)(void) {
    return _mm512_setzero_si512();
}
static inline TARGET __m512i F(add)(__m512i counter, uint32_t mask) {
    return _mm512_mask_add_epi32(counter, (__mmask16)mask, counter, _mm512_set1_epi32(1));
}
static inline TARGET void F(store)(int32_t *out, __m512i counter) {
    _mm512_storeu_si512(out, counter);
}
#else
typedef struct {
    int32_t lanes[LANES];
} F(counter_t);
static inline TARGET F(counter_t) F(zero)(void) {
    return (F(counter_t)){{0}};
}
static inline TARGET F(counter_t) F(add)(F(counter_t) counter, uint32_t mask) {
    for (int l = 0; l < LANES; l++)
        counter.lanes[l] += mask >> l & 1;
    return counter;
}
static inline TARGET void F(store)(int32_t *out, F(counter_t) counter) {
    memcpy(out, counter.lanes, sizeof counter.lanes);
}
#endif

/* Of the lanes in `mask`, which differ from the point in some row. */
static inline TARGET uint32_t F(unequal)(const int32_t *block, const int32_t *point, int64_t d, uint32_t mask) {
    uint32_t equal = mask;
    for (int64_t k = 0; k < d && equal; k++)
        equal &= F(lanes_equal)(block + k * LANES, point[k]);
    return mask & ~equal;
}

/* Append first + lane for each lane of the mask; the list has room for 16 more. */
static inline TARGET int64_t F(append)(int32_t *list, int64_t count, int32_t first, uint32_t mask) {
#if defined(USE_AVX512)
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i numbers = _mm512_add_epi32(_mm512_set1_epi32(first), lanes);
    _mm512_storeu_si512(list + count, _mm512_maskz_compress_epi32((__mmask16)mask, numbers));
    return count + __builtin_popcount(mask);
#else
    for (; mask; mask &= mask - 1)
        list[count++] = first + __builtin_ctz(mask);
    return count;
#endif
}

/* The level-0 blocks that may hold a best corner at most space->high, in order. */
static inline TARGET void F(gather)(space_t *space, const index_t *index) {
    const int64_t d = index->corner_dimensions, top = index->level_count - 1;
    int32_t *found = space->blocks, *next = space->spare;
    int64_t count = index->blocks[top];
    for (int64_t b = 0; b < count; b++)
        found[b] = (int32_t)b;
    for (int64_t level = top; level > 0; level--) {
        int64_t kept = 0;
        for (int64_t b = 0; b < count; b++) {
            const int32_t *block = index->levels[level] + found[b] * d * LANES;
            kept = F(append)(next, kept, found[b] * LANES, F(at_most)(block, space->high, d));
        }
        int32_t *swap = found;
        found = next, next = swap, count = kept;
    }
    space->blocks = found, space->spare = next;
    space->block_count = count;
}

/* Put the blocks with the most configurations whose centre is at most the middle of the batch first. */
static TARGET void F(strong_first)(space_t *space, const index_t *index) {
    const int64_t d = index->dimensions;
    int64_t starts[CLASSES + 1] = {0};
    for (int64_t b = 0; b < space->block_count; b++) {
        const int32_t *centres = index->centres + space->blocks[b] * d * LANES;
        const int strong = __builtin_popcount(F(at_most)(centres, space->middle, d));
        int class = 0;
        while (strong < CLASS_COUNTS[class])
            class++;
        starts[class + 1]++;
        space->spare[b] = class;
    }
    for (int class = 1; class < CLASSES; class++)
        starts[class] += starts[class - 1];
    for (int64_t b = 0; b < space->block_count; b++)
        space->order[starts[space->spare[b]]++] = space->blocks[b];
    memcpy(space->blocks, space->order, (size_t)space->block_count * sizeof(int32_t));
}

/* Count, for all lanes, the runs of a place that count; inlined for each usual d. */
static inline __attribute__((always_inline)) TARGET void F(count)(walk_t *walk, const space_t *space,
                                                                  const int32_t *runs, const int32_t *end,
                                                                  int64_t rule, int64_t d) {
    F(counter_t) weak = F(zero)(), strict = weak;
    for (; runs < end; runs += d) {
        uint32_t at_most = F(at_most)(space->points, runs, d), less = at_most;
        if (rule == DOMINATES && at_most) {
            less = F(unequal)(space->points, runs, d, at_most);
        } else if (rule == MARGIN && at_most) {
            less = 0;
            for (int64_t k = 0; k < d; k++) {
                const uint32_t better = F(lanes_at_most)(space->cuts + k * LANES, runs[k]);
                at_most &= better | F(lanes_equal)(space->points + k * LANES, runs[k]);
                less |= better;
            }
            less &= at_most;
        }
        weak = F(add)(weak, at_most);
        if (rule != AT_MOST)
            strict = F(add)(strict, less);
    }
    F(store)(walk->weak, weak);
    F(store)(walk->strict, rule == AT_MOST ? weak : strict);
}

static inline walk_t F(start)(int64_t count) {
    walk_t walk;
    walk.at = -1;
    walk.places = 0;
    walk.active = (1u << count) - 1;
    return walk;
}

/* The next place with runs that may count against an active lane, counted; -1 after the last. */
static inline TARGET int64_t F(next)(walk_t *walk, const space_t *space, const index_t *index, int64_t rule,
                                     int32_t own) {
    const int64_t d = index->dimensions, wide = index->corner_dimensions;
    for (;;) {
        while (walk->places == 0) {
            if (++walk->at >= space->block_count)
                return -1;
            walk->first = space->blocks[walk->at] * LANES;
            walk->places = F(at_most)(index->levels[0] + walk->first * wide, space->high, wide);
        }
        const int lane = __builtin_ctz(walk->places);
        const int64_t place = walk->first + lane;
        walk->places &= walk->places - 1;
        const int32_t *corner = index->levels[0] + walk->first * wide + lane;
        uint32_t lanes = place == own ? 0 : walk->active;
        for (int64_t k = 0; k < d; k++)
            lanes &= F(lanes_at_most)(space->points + k * LANES, ~corner[k * LANES]);
        if (lanes == 0)
            continue;
        const int32_t *runs = index->complements + index->starts[place] * d;
        const int32_t *end = index->complements + index->starts[place + 1] * d;
        switch (rule == AT_MOST ? d : 0) {
        case 2: F(count)(walk, space, runs, end, AT_MOST, 2); break;
        case 3: F(count)(walk, space, runs, end, AT_MOST, 3); break;
        case 4: F(count)(walk, space, runs, end, AT_MOST, 4); break;
        case 5: F(count)(walk, space, runs, end, AT_MOST, 5); break;
        case 6: F(count)(walk, space, runs, end, AT_MOST, 6); break;
        default: F(count)(walk, space, runs, end, rule, d);
        }
        return place;
    }
}

/* Whether a corner below this block is at most the point everywhere and less somewhere. */
static TARGET int F(dominated)(const index_t *index, int64_t level, int64_t block, const int32_t *point) {
    const int64_t d = index->corner_dimensions;
    const int32_t *lanes = index->levels[level] + block * d * LANES;
    uint32_t mask = F(at_most)(lanes, point, d);
    if (level == 0)
        return F(unequal)(lanes, point, d, mask) != 0;
    for (; mask; mask &= mask - 1)
        if (F(dominated)(index, level - 1, block * LANES + __builtin_ctz(mask), point))
            return 1;
    return 0;
}

/* The points of the batch, of those in `lanes`, that a corner in the gathered blocks dominates. */
static TARGET uint32_t F(dominated_lanes)(const space_t *space, const index_t *index, uint32_t lanes) {
    const int64_t d = index->corner_dimensions;
    uint32_t dead = 0;
    for (int64_t b = 0; b < space->block_count && dead != lanes; b++) {
        const int32_t *block = index->levels[0] + space->blocks[b] * d * LANES;
        uint32_t near = F(at_most)(block, space->high, d);
        for (; near && dead != lanes; near &= near - 1) {
            const int32_t *corner = block + __builtin_ctz(near);
            uint32_t hit = lanes & ~dead;
            for (int64_t k = 0; k < d && hit; k++)
                hit &= F(lanes_at_most)(space->points + k * LANES, ~corner[k * LANES]);
            uint32_t equal = hit;
            for (int64_t k = 0; k < d && equal; k++)
                equal &= F(lanes_equal)(space->points + k * LANES, ~corner[k * LANES]);
            dead |= hit & ~equal;
        }
    }
    return dead;
}

static TARGET int F(surviving)(const index_t *index, const double *rows, const int64_t *starts, int64_t begin,
                               int64_t end, uint8_t *out) {
    const int64_t d = index->corner_dimensions, top = index->level_count - 1;
    int32_t *keys = malloc((size_t)(LANES * d) * sizeof(int32_t));
    space_t space;
    if (keys == NULL || !make_space(&space, index)) {
        free(keys);
        return -1;
    }
    for (int64_t b = begin; b < end; b++)
        for (int64_t first = starts[b]; first < starts[b + 1]; first += LANES) {
            const int64_t count = starts[b + 1] - first < LANES ? starts[b + 1] - first : LANES;
            for (int64_t i = 0; i < count * d; i++)
                keys[i] = key_down(rows[first * d + i]);
            set_batch(&space, keys, NULL, count, d);
            int hopeless = 0;
            for (int64_t block = 0; block < index->blocks[top] && !hopeless; block++)
                hopeless = F(dominated)(index, top, block, space.low);
            memset(out + first, !hopeless, (size_t)count);
            if (hopeless)
                continue;
            F(gather)(&space, index);
            const uint32_t dead = F(dominated_lanes)(&space, index, (1u << count) - 1);
            for (int64_t r = 0; r < count; r++)
                out[first + r] = !(dead >> r & 1);
        }
    free(keys);
    free(space.memory);
    return 0;
}

/* One more configuration that counts against each lane with its share of runs. */
static inline TARGET void F(extend)(double *law, int64_t orders, const int32_t *counts, double runs) {
    double share[LANES];
    for (int l = 0; l < LANES; l++)
        share[l] = counts[l] / runs;
    for (int64_t k = orders - 1; k > 0; k--)
        for (int l = 0; l < LANES; l++)
            law[k * LANES + l] = law[k * LANES + l] * (1.0 - share[l]) + law[(k - 1) * LANES + l] * share[l];
    for (int l = 0; l < LANES; l++)
        law[l] *= 1.0 - share[l];
}

/* The lanes whose law still holds the floor. */
static inline TARGET uint32_t F(holding)(const double *law, int64_t orders, double floor) {
    double sum[LANES] = {0};
    uint32_t mask = 0;
    for (int64_t k = 0; k < orders; k++)
        for (int l = 0; l < LANES; l++)
            sum[l] += law[k * LANES + l];
    for (int l = 0; l < LANES; l++)
        mask |= (uint32_t)(sum[l] >= floor) << l;
    return mask;
}

static TARGET int F(products)(const index_t *index, const points_t *points, int64_t orders, int64_t begin,
                              int64_t end, double *out) {
    const int64_t d = index->dimensions;
    double *law = malloc((size_t)(orders * LANES) * sizeof(double));
    space_t space;
    if (law == NULL || !make_space(&space, index)) {
        free(law);
        return -1;
    }
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
        const int32_t *cuts = points->rule == MARGIN ? points->cuts + first * d : NULL;
        set_batch(&space, points->codes + first * d, cuts, count, d);
        F(gather)(&space, index);
        F(strong_first)(&space, index);
        for (int64_t i = 0; i < orders * LANES; i++)
            law[i] = i < LANES;
        walk_t walk = F(start)(count);
        int64_t place, block = 0;
        while (walk.active && (place = F(next)(&walk, &space, index, points->rule, points->own[b])) >= 0) {
            F(extend)(law, orders, walk.strict, index->runs[place]);
            if (walk.at != block)
                walk.active &= F(holding)(law, orders, points->floor);
            block = walk.at;
        }
        walk.active &= F(holding)(law, orders, points->floor);
        for (int64_t l = 0; l < count; l++)
            for (int64_t k = 0; k < orders; k++)
                out[(first + l) * orders + k] = walk.active >> l & 1 ? law[k * LANES + l] : 0.0;
    }
    free(law);
    free(space.memory);
    return 0;
}

/* How many values of group g are better than, and equal to, each value of group own. */
static TARGET void F(relate)(groups_t *state, const shared_t *shared, int32_t own, int32_t g) {
    const int64_t s = shared->components;
    if (state->related[g] == own)
        return;
    state->related[g] = own;
    for (int64_t v = shared->starts[own]; v < shared->starts[own + 1]; v++) {
        int better = 0, equal = 0;
        for (int64_t b = shared->block_starts[g]; b < shared->block_starts[g + 1]; b++) {
            uint32_t at_least = 0xFFFF, more = 0;
            for (int64_t k = 0; k < s; k++) {
                const int32_t *lanes = shared->blocks + (b * s + k) * LANES;
                const uint32_t within = F(lanes_at_most)(lanes, shared->cuts[v * s + k]);
                at_least &= within | F(lanes_equal)(lanes, shared->values[v * s + k]);
                more |= within;
            }
            better += __builtin_popcount(at_least & more);
            equal += __builtin_popcount(at_least & ~more);
        }
        const int64_t slot = g * shared->most_values + v - shared->starts[own];
        state->p_better[slot] = (double)better;
        state->p_equal[slot] = (double)equal;
    }
}

/* Begin with a group's products where it is met for the first time. */
static inline TARGET void F(meet)(groups_t *state, const shared_t *shared, int32_t own, int32_t g) {
    if (state->met[g])
        return;
    state->met[g] = 1;
    state->touched[state->touched_count++] = g;
    for (int l = 0; l < LANES; l++)
        state->better[g * LANES + l] = state->equal[g * LANES + l] = 1.0;
    F(relate)(state, shared, own, g);
}

/* `common` times the factors of the groups met, averaged over the values of the own group, in place. */
static TARGET void F(average)(const groups_t *state, const shared_t *shared, int32_t own, double *common) {
    const int64_t mine = shared->starts[own + 1] - shared->starts[own];
    double total[LANES] = {0};
    for (int64_t v = 0; v < mine; v++) {
        double product[LANES];
        memcpy(product, common, sizeof product);
        for (int64_t t = 0; t < state->touched_count; t++) {
            const int32_t g = state->touched[t];
            const double all = (double)(shared->starts[g + 1] - shared->starts[g]);
            const double n_better = state->p_better[g * shared->most_values + v];
            const double n_equal = state->p_equal[g * shared->most_values + v];
            const double *better = state->better + g * LANES, *equal = state->equal + g * LANES;
            if (n_better + n_equal == 0.0)
                continue;
            for (int l = 0; l < LANES; l++)
                product[l] *= ((all - n_better - n_equal) + n_better * better[l] + n_equal * equal[l]) / all;
        }
        for (int l = 0; l < LANES; l++)
            total[l] += product[l];
    }
    for (int l = 0; l < LANES; l++)
        common[l] = total[l] / (double)mine;
}

/* The products of one batch: `common` of what needs no shared value, the groups' own in `state`. */
static TARGET uint32_t F(shared_batch)(groups_t *state, const space_t *space, const index_t *index,
                                       const points_t *points, const shared_t *shared, const int32_t *groups,
                                       int64_t b, double *common) {
    const int32_t own = groups[points->own[b]];
    walk_t walk = F(start)(points->batches[b + 1] - points->batches[b]);
    int64_t place, block = 0;
    for (int l = 0; l < LANES; l++)
        common[l] = 1.0;
    while (walk.active && (place = F(next)(&walk, space, index, points->rule, points->own[b])) >= 0) {
        const int32_t g = groups[place];
        if (g == own || surely_better(shared, own, g)) {
            F(extend)(common, 1, g == own ? walk.strict : walk.weak, index->runs[place]);
        } else {
            F(meet)(state, shared, own, g);
            F(extend)(state->better + g * LANES, 1, walk.weak, index->runs[place]);
            F(extend)(state->equal + g * LANES, 1, walk.strict, index->runs[place]);
        }
        if (walk.at != block)
            walk.active &= F(holding)(common, 1, points->floor);
        block = walk.at;
    }
    return walk.active & F(holding)(common, 1, points->floor);
}

static TARGET int F(shared_products)(const index_t *index, const points_t *points, const int32_t *groups,
                                     const shared_t *shared, int64_t begin, int64_t end, double *out) {
    const int64_t d = index->dimensions, s = shared->components;
    space_t space;
    groups_t state;
    double common[LANES];
    if (!make_space(&space, index))
        return -1;
    if (!make_groups(&state, shared)) {
        free(space.memory);
        return -1;
    }
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
        const int32_t own = groups[points->own[b]];
        const int32_t *cuts = points->rule == MARGIN ? points->cuts + first * d : NULL;
        set_batch(&space, points->codes + first * d, cuts, count, d);
        memcpy(space.high + d, shared->worst + own * s, (size_t)s * sizeof(int32_t));
        F(gather)(&space, index);
        F(strong_first)(&space, index);
        const uint32_t left = F(shared_batch)(&state, &space, index, points, shared, groups, b, common);
        if (left)
            F(average)(&state, shared, own, common);
        for (int64_t l = 0; l < count; l++)
            out[first + l] = left >> l & 1 ? common[l] : 0.0;
        while (state.touched_count > 0)
            state.met[state.touched[--state.touched_count]] = 0;
    }
    free_groups(&state);
    free(space.memory);
    return 0;
}

static TARGET int F(pairs)(const index_t *index, const points_t *points, const int64_t *columns, int64_t begin,
                           int64_t end, double *out) {
    const int64_t d = index->dimensions;
    space_t space;
    if (!make_space(&space, index))
        return -1;
    for (int64_t j = begin; j < end; j++)
        for (int64_t b = columns[j]; b < columns[j + 1]; b++) {
            const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
            set_batch(&space, points->codes + first * d, NULL, count, d);
            F(gather)(&space, index);
            walk_t walk = F(start)(count);
            int64_t place;
            while ((place = F(next)(&walk, &space, index, DOMINATES, points->own[b])) >= 0)
                for (int l = 0; l < LANES; l++)
                    out[j * index->size + place] += walk.strict[l];
        }
    free(space.memory);
    return 0;
}

#endif
