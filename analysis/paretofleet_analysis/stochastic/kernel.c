/* The kernel of the exact stochastic ranking; plain.py says the same in numpy, in the same order of operations.
 *
 * The file includes itself once per instruction set: each pass gives the functions of the second half a suffix and
 * the lane comparisons of that set, and the exported functions at the end choose at run time. No results depend on
 * the choice: all of them walk the index in one order and multiply doubles in one order (compile without
 * contraction). Threads are the caller's: every function answers a range of points and shares nothing.
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

/* See index.py. Level 0 holds the best corners of configurations, the last level is scanned whole. */
typedef struct {
    const int32_t *codes;
    const int64_t *chunk_starts;
    const double *runs;
    int64_t size;
    int64_t dimensions;        /* of the samples */
    int64_t corner_dimensions; /* of the corners, at least as many */
    int64_t level_count;
    const int32_t *levels[LEVELS_MAX];
    int64_t blocks[LEVELS_MAX];
} index_t;

/* See query.py; cuts is NULL but under the margin rule. */
typedef struct {
    const int32_t *codes;
    const int32_t *cuts;
    const int32_t *own;
    int64_t rule;
    double floor;
} points_t;

typedef struct {
    const int32_t *values, *cuts; /* (V, s) */
    const int64_t *starts;        /* (G + 1) */
    const int32_t *best, *worst;  /* (G, s) */
    const int32_t *groups;        /* (P) the group of each place in the index */
    int64_t components;
    int64_t group_count;
    int64_t most_values; /* of any group */
} shared_t;

enum { AT_MOST = 0, DOMINATES = 1, MARGIN = 2 };

/* Where a walk over the index stands: per level the lanes still to visit and the number of the first of them. */
typedef struct {
    const index_t *index;
    const int32_t *corner;
    int64_t level, next_top;
    uint32_t lanes[LEVELS_MAX];
    int64_t first[LEVELS_MAX];
} walk_t;

/* The runs of a chunk that count against a point: without and with the demand for one objective less. */
typedef struct {
    uint32_t weak, strict;
} count_t;

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define F(name) JOIN(name, INSTRUCTION_SET)

#define TARGET
#define INSTRUCTION_SET scalar
#include __FILE__
#undef INSTRUCTION_SET
#undef TARGET

#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,popcnt,bmi")))
#define INSTRUCTION_SET avx2
#define USE_AVX2
#include __FILE__
#undef USE_AVX2
#undef INSTRUCTION_SET
#undef TARGET

#define TARGET __attribute__((target("avx512f,avx2,popcnt,bmi")))
#define INSTRUCTION_SET avx512
#define USE_AVX512
#include __FILE__
#undef USE_AVX512
#undef INSTRUCTION_SET
#undef TARGET
#elif defined(__aarch64__)
#define TARGET
#define INSTRUCTION_SET neon
#define USE_NEON
#include __FILE__
#undef USE_NEON
#undef INSTRUCTION_SET
#undef TARGET
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
#define DISPATCH(name, ...)                                        \
    (level == LEVEL_AVX512 ? name##_avx512(__VA_ARGS__)            \
     : level == LEVEL_AVX2 ? name##_avx2(__VA_ARGS__)              \
                           : name##_scalar(__VA_ARGS__))
#elif defined(__aarch64__)
#define DISPATCH(name, ...) (level == LEVEL_NEON ? name##_neon(__VA_ARGS__) : name##_scalar(__VA_ARGS__))
#else
#define DISPATCH(name, ...) name##_scalar(__VA_ARGS__)
#endif

/* out (q): 1 where a corner of the index is at most the point everywhere and less somewhere. */
EXPORT void pf_dominated(int level, const index_t *index, const int32_t *points, int64_t begin, int64_t end,
                         uint8_t *out) {
    DISPATCH(dominated, index, points, begin, end, out);
}

/* out (q, orders): the law of the number of configurations that count against each point. */
EXPORT void pf_products(int level, const index_t *index, const points_t *points, int64_t orders, int64_t begin,
                        int64_t end, double *out) {
    DISPATCH(products, index, points, orders, begin, end, out);
}

/* out (q): the probability that nobody counts, over shared values; 0, or -1 without memory. */
EXPORT int pf_shared_products(int level, const index_t *index, const points_t *points, const int32_t *group,
                              const shared_t *shared, int64_t begin, int64_t end, double *out) {
    return DISPATCH(shared_products, index, points, group, shared, begin, end, out);
}

/* out (columns, P): how many pairs (run of a place, point of a column) count; 0, or -1 without memory. */
EXPORT int pf_pairs(int level, const index_t *index, const points_t *points, const int64_t *starts, int64_t begin,
                    int64_t end, double *out) {
    return DISPATCH(pairs, index, points, starts, begin, end, out);
}

#else /* one instruction set */

/* Which of 16 lanes are at most x, or equal to x. */
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

/* The next place in the index whose best corner is at most the walk's corner, -1 after the last. */
static inline TARGET int64_t F(next)(walk_t *walk) {
    const index_t *index = walk->index;
    const int64_t d = index->corner_dimensions;
    for (;;) {
        while (walk->level < index->level_count && walk->lanes[walk->level] == 0)
            walk->level++;
        int64_t block, level = walk->level;
        if (level == index->level_count) {
            level--;
            if (walk->next_top == index->blocks[level])
                return -1;
            block = walk->next_top++;
        } else {
            block = walk->first[level] + __builtin_ctz(walk->lanes[level]);
            walk->lanes[level] &= walk->lanes[level] - 1;
            if (level == 0)
                return block;
            level--;
        }
        walk->level = level;
        walk->first[level] = block * LANES;
        walk->lanes[level] = F(at_most)(index->levels[level] + block * d * LANES, walk->corner, d);
    }
}

static inline walk_t F(start)(const index_t *index, const int32_t *corner) {
    walk_t walk;
    walk.index = index;
    walk.corner = corner;
    walk.level = index->level_count;
    walk.next_top = 0;
    return walk;
}

/* How many runs of a place count against a point. */
static inline TARGET count_t F(count)(const index_t *index, int64_t place, const int32_t *point, const int32_t *cut) {
    const int64_t d = index->dimensions;
    count_t total = {0, 0};
    for (int64_t c = index->chunk_starts[place]; c < index->chunk_starts[place + 1]; c++) {
        const int32_t *chunk = index->codes + c * d * LANES;
        uint32_t weak = F(at_most)(chunk, point, d), strict = 0;
        if (weak == 0)
            continue;
        if (cut == NULL) {
            uint32_t equal = weak;
            for (int64_t k = 0; k < d && equal; k++)
                equal &= F(lanes_equal)(chunk + k * LANES, point[k]);
            strict = weak & ~equal;
        } else {
            for (int64_t k = 0; k < d && weak; k++) {
                const uint32_t better = F(lanes_at_most)(chunk + k * LANES, cut[k]);
                weak &= better | F(lanes_equal)(chunk + k * LANES, point[k]);
                strict |= better;
            }
            strict &= weak;
        }
        total.weak += (uint32_t)__builtin_popcount(weak);
        total.strict += (uint32_t)__builtin_popcount(strict);
    }
    return total;
}

static TARGET void F(dominated)(const index_t *index, const int32_t *points, int64_t begin, int64_t end,
                                uint8_t *out) {
    const int64_t d = index->corner_dimensions;
    for (int64_t q = begin; q < end; q++) {
        const int32_t *point = points + q * d;
        walk_t walk = F(start)(index, point);
        int64_t place;
        out[q] = 0;
        while (!out[q] && (place = F(next)(&walk)) >= 0) {
            const int32_t *corner = index->levels[0] + place / LANES * d * LANES + place % LANES;
            for (int64_t k = 0; k < d; k++)
                out[q] |= corner[k * LANES] < point[k];
        }
    }
}

/* One more configuration that counts with probability `share`; 0 once the law holds less than `floor`. */
static inline TARGET int F(extend)(double *law, int64_t orders, double share, double floor) {
    const double kept = 1.0 - share;
    for (int64_t k = orders - 1; k > 0; k--)
        law[k] = law[k] * kept + law[k - 1] * share;
    law[0] *= kept;
    if (law[0] >= floor)
        return 1;
    double sum = 0.0;
    for (int64_t k = 0; k < orders; k++)
        sum += law[k];
    return sum >= floor;
}

static TARGET void F(products)(const index_t *index, const points_t *points, int64_t orders, int64_t begin,
                               int64_t end, double *out) {
    const int64_t d = index->dimensions;
    for (int64_t q = begin; q < end; q++) {
        const int32_t *point = points->codes + q * d;
        const int32_t *cut = points->rule == MARGIN ? points->cuts + q * d : NULL;
        double *law = out + q * orders;
        memset(law, 0, (size_t)orders * sizeof(double));
        law[0] = 1.0;
        walk_t walk = F(start)(index, point);
        int64_t place;
        while ((place = F(next)(&walk)) >= 0) {
            if (place == points->own[q])
                continue;
            const count_t n = F(count)(index, place, point, cut);
            const uint32_t counted = points->rule == AT_MOST ? n.weak : n.strict;
            if (counted && !F(extend)(law, orders, counted / index->runs[place], points->floor)) {
                memset(law, 0, (size_t)orders * sizeof(double));
                break;
            }
        }
    }
}

/* What is kept per thread: of each group its products so far, and its relation to the values of the own group. */
typedef struct {
    double *better, *equal;   /* (G) products over its configurations, for it being better or equal */
    double *p_better, *p_equal; /* (G, most_values) how probable either is, for each value of `related` */
    int32_t *related;         /* (G) the own group that these probabilities are for */
    int32_t *touched;         /* (G) the groups met in this walk, in order */
    uint8_t *met;             /* (G) */
    int64_t touched_count;
} F(groups_t);

/* The counts of a group's values that are better than, and equal to, each value of the own group. */
static TARGET void F(relate)(F(groups_t) *state, const shared_t *shared, int32_t own, int32_t g) {
    const int64_t s = shared->components, theirs = shared->starts[g + 1] - shared->starts[g];
    if (state->related[g] == own)
        return;
    state->related[g] = own;
    for (int64_t v = shared->starts[own]; v < shared->starts[own + 1]; v++) {
        int64_t better = 0, equal = 0;
        for (int64_t u = shared->starts[g]; u < shared->starts[g + 1]; u++) {
            int at_least = 1, more = 0;
            for (int64_t k = 0; k < s; k++) {
                const int within = shared->values[u * s + k] <= shared->cuts[v * s + k];
                at_least &= within | (shared->values[u * s + k] == shared->values[v * s + k]);
                more |= within;
            }
            better += at_least & more;
            equal += at_least & !more;
        }
        const int64_t slot = g * shared->most_values + v - shared->starts[own];
        state->p_better[slot] = (double)better;
        state->p_equal[slot] = (double)equal;
    }
    (void)theirs;
}

static TARGET int F(surely_better)(const shared_t *shared, int32_t own, int32_t g) {
    const int64_t s = shared->components;
    for (int64_t v = shared->starts[own]; v < shared->starts[own + 1]; v++)
        for (int64_t k = 0; k < s; k++)
            if (shared->worst[g * s + k] > shared->cuts[v * s + k])
                return 0;
    return 1;
}

/* The product over everybody else of "does not count", averaged over the values of the point's own group. */
static TARGET double F(shared_product)(F(groups_t) *state, const index_t *index, const shared_t *shared, walk_t *walk,
                                       const int32_t *point, const int32_t *cut, int32_t self, int32_t own,
                                       double floor) {
    double common = 1.0, total = 0.0;
    int64_t place;
    while ((place = F(next)(walk)) >= 0) {
        if (place == self)
            continue;
        const count_t n = F(count)(index, place, point, cut);
        const int32_t g = shared->groups[place];
        if (n.weak == 0)
            continue;
        if (g == own) {
            common *= 1.0 - n.strict / index->runs[place];
        } else if (F(surely_better)(shared, own, g)) {
            common *= 1.0 - n.weak / index->runs[place];
        } else {
            if (!state->met[g]) {
                state->met[g] = 1;
                state->touched[state->touched_count++] = g;
                state->better[g] = state->equal[g] = 1.0;
            }
            state->better[g] *= 1.0 - n.weak / index->runs[place];
            state->equal[g] *= 1.0 - n.strict / index->runs[place];
        }
        if (common < floor)
            return 0.0;
    }
    const int64_t mine = shared->starts[own + 1] - shared->starts[own];
    for (int64_t t = 0; t < state->touched_count; t++)
        F(relate)(state, shared, own, state->touched[t]);
    for (int64_t v = 0; v < mine; v++) {
        double product = common;
        for (int64_t t = 0; t < state->touched_count; t++) {
            const int32_t g = state->touched[t];
            const double all = (double)(shared->starts[g + 1] - shared->starts[g]);
            const double better = state->p_better[g * shared->most_values + v];
            const double equal = state->p_equal[g * shared->most_values + v];
            product *= ((all - better - equal) + better * state->better[g] + equal * state->equal[g]) / all;
        }
        total += product;
    }
    return total / (double)mine;
}

static TARGET int F(shared_products)(const index_t *index, const points_t *points, const int32_t *group,
                                     const shared_t *shared, int64_t begin, int64_t end, double *out) {
    const int64_t d = index->dimensions, s = shared->components, groups = shared->group_count;
    const size_t table = (size_t)(groups * shared->most_values);
    F(groups_t) state = {0};
    double *numbers = malloc((2 * (size_t)groups + 2 * table) * sizeof(double));
    int32_t *labels = malloc((2 * (size_t)groups + (size_t)(d + s)) * sizeof(int32_t));
    state.met = calloc((size_t)groups, 1);
    const int ready = numbers && labels && state.met;
    if (ready) {
        int32_t *corner = labels + 2 * groups;
        state.better = numbers, state.equal = numbers + groups;
        state.p_better = numbers + 2 * groups, state.p_equal = state.p_better + table;
        state.related = labels, state.touched = labels + groups;
        memset(state.related, -1, (size_t)groups * sizeof(int32_t));
        for (int64_t q = begin; q < end; q++) {
            const int32_t *point = points->codes + q * d;
            const int32_t *cut = points->rule == MARGIN ? points->cuts + q * d : NULL;
            memcpy(corner, point, (size_t)d * sizeof(int32_t));
            memcpy(corner + d, shared->worst + group[q] * s, (size_t)s * sizeof(int32_t));
            walk_t walk = F(start)(index, corner);
            out[q] = F(shared_product)(&state, index, shared, &walk, point, cut, points->own[q], group[q],
                                       points->floor);
            while (state.touched_count > 0)
                state.met[state.touched[--state.touched_count]] = 0;
        }
    }
    free(numbers), free(labels), free(state.met);
    return ready ? 0 : -1;
}

/* The worst (largest) values of the runs of a place, padding left out. */
static TARGET void F(worst_corner)(const index_t *index, int64_t place, int32_t *corner) {
    const int64_t d = index->dimensions, first = index->chunk_starts[place];
    const int64_t runs = (int64_t)index->runs[place];
    for (int64_t k = 0; k < d; k++)
        corner[k] = INT32_MIN;
    for (int64_t r = 0; r < runs; r++)
        for (int64_t k = 0; k < d; k++) {
            const int32_t x = index->codes[((first + r / LANES) * d + k) * LANES + r % LANES];
            corner[k] = x > corner[k] ? x : corner[k];
        }
}

/* Whether corner a is at most b everywhere and less somewhere. */
static inline int F(corner_dominates)(const int32_t *a, const int32_t *b, int64_t d) {
    int less = 0;
    for (int64_t k = 0; k < d; k++) {
        if (a[k] > b[k])
            return 0;
        less |= a[k] < b[k];
    }
    return less;
}

static TARGET int F(pairs)(const index_t *index, const points_t *points, const int64_t *starts, int64_t begin,
                           int64_t end, double *out) {
    const int64_t d = index->dimensions;
    int32_t *worst = malloc((size_t)((index->size + 2) * d) * sizeof(int32_t));
    if (worst == NULL)
        return -1;
    int32_t *high = worst + index->size * d, *low = high + d;
    for (int64_t p = 0; p < index->size; p++)
        F(worst_corner)(index, p, worst + p * d);
    for (int64_t j = begin; j < end; j++) {
        const int32_t *rows = points->codes + starts[j] * d;
        const int64_t count = starts[j + 1] - starts[j];
        memcpy(high, rows, (size_t)d * sizeof(int32_t));
        memcpy(low, rows, (size_t)d * sizeof(int32_t));
        for (int64_t i = 1; i < count * d; i++) {
            high[i % d] = rows[i] > high[i % d] ? rows[i] : high[i % d];
            low[i % d] = rows[i] < low[i % d] ? rows[i] : low[i % d];
        }
        walk_t walk = F(start)(index, high);
        int64_t place;
        while ((place = F(next)(&walk)) >= 0) {
            double *pairs = out + j * index->size + place;
            if (place == points->own[starts[j]])
                continue;
            if (F(corner_dominates)(worst + place * d, low, d)) {
                *pairs = index->runs[place] * (double)count;
                continue;
            }
            for (int64_t r = 0; r < count; r++)
                *pairs += F(count)(index, place, rows + r * d, NULL).strict;
        }
    }
    free(worst);
    return 0;
}

#endif
