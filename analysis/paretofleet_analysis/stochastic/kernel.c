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
/* Candidates that reach this share of their runs at the best corner of a batch are multiplied first. */
#define STRONG 0.25

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

enum { AT_MOST = 0, DOMINATES = 1, MARGIN = 2 };

/* See query.py. Batch b is points batches[b] to batches[b + 1] and belongs to place own[b]. */
typedef struct {
    const int32_t *codes;
    const int32_t *cuts; /* under the margin rule */
    const int64_t *batches;
    const int32_t *own;
    int64_t rule;
    double floor;
} points_t;

/* See query.py: the values of group g are rows starts[g] to starts[g + 1]. */
typedef struct {
    const int32_t *values, *cuts, *worst;
    const int64_t *starts;
    int64_t components, group_count, most_values;
} shared_t;

/* The runs of a configuration that count against a point: without and with the demand for one objective less. */
typedef struct {
    uint32_t weak, strict;
} count_t;

/* What a thread works in: the places that may count against a batch, and their best corners in blocks. */
typedef struct {
    int32_t *places, *spare, *corners, *low, *high, *low_cut;
    double *shares;
    int64_t count;
    int32_t *memory;
} space_t;

/* What a thread keeps of groups: their products in this point, and their relation to the values of `related`. */
typedef struct {
    double *better, *equal, *p_better, *p_equal;
    int32_t *related, *touched;
    uint8_t *met;
    int64_t touched_count;
} groups_t;

static void free_space(space_t *space) {
    free(space->memory), free(space->shares);
}

static int make_space(space_t *space, const index_t *index) {
    const size_t wide = (size_t)(index->size + 2 * LANES), d = (size_t)index->corner_dimensions;
    space->memory = malloc((wide * (2 + d) + 3 * d) * sizeof(int32_t));
    space->shares = malloc(wide * sizeof(double));
    space->count = 0;
    if (space->memory == NULL || space->shares == NULL) {
        free_space(space);
        return 0;
    }
    space->places = space->memory;
    space->spare = space->places + wide;
    space->corners = space->spare + wide;
    space->low = space->corners + wide * d;
    space->high = space->low + d;
    space->low_cut = space->high + d;
    return 1;
}

/* The 32-bit integer in the order of x, rounded down to float32; as coding.float_keys says it. */
static inline int32_t key_down(double x) {
    const float rounded = (float)x + 0.0f;
    int32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return (bits < 0 ? bits ^ 0x7FFFFFFF : bits) - ((double)rounded > x);
}

/* The componentwise smallest and largest of rows (count, d). */
static void corners_of(const int32_t *rows, int64_t count, int64_t d, int32_t *low, int32_t *high) {
    memcpy(low, rows, (size_t)d * sizeof(int32_t));
    memcpy(high, rows, (size_t)d * sizeof(int32_t));
    for (int64_t r = 1; r < count; r++)
        for (int64_t k = 0; k < d; k++) {
            const int32_t x = rows[r * d + k];
            low[k] = x < low[k] ? x : low[k];
            high[k] = x > high[k] ? x : high[k];
        }
}

/* How many values of group g are better than, and equal to, each value of group own. */
static void relate(groups_t *state, const shared_t *shared, int32_t own, int32_t g) {
    const int64_t s = shared->components;
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
}

/* Whether every value of group g is better than every value of group own. */
static int surely_better(const shared_t *shared, int32_t own, int32_t g) {
    const int64_t s = shared->components;
    for (int64_t v = shared->starts[own]; v < shared->starts[own + 1]; v++)
        for (int64_t k = 0; k < s; k++)
            if (shared->worst[g * s + k] > shared->cuts[v * s + k])
                return 0;
    return 1;
}

/* `common` times the factors of the groups met, averaged over the values of the own group. */
static double average(groups_t *state, const shared_t *shared, int32_t own, double common) {
    const int64_t mine = shared->starts[own + 1] - shared->starts[own];
    double total = 0.0;
    for (int64_t t = 0; t < state->touched_count; t++)
        relate(state, shared, own, state->touched[t]);
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

static void free_groups(groups_t *state) {
    free(state->better), free(state->related), free(state->met);
}

static int make_groups(groups_t *state, const shared_t *shared) {
    const size_t groups = (size_t)shared->group_count, table = groups * (size_t)shared->most_values;
    state->better = malloc((2 * groups + 2 * table) * sizeof(double));
    state->related = malloc(2 * groups * sizeof(int32_t));
    state->met = calloc(groups, 1);
    state->touched_count = 0;
    if (state->better == NULL || state->related == NULL || state->met == NULL) {
        free_groups(state);
        return 0;
    }
    state->equal = state->better + groups;
    state->p_better = state->equal + groups;
    state->p_equal = state->p_better + table;
    state->touched = state->related + groups;
    memset(state->related, -1, groups * sizeof(int32_t));
    return 1;
}

/* One more configuration that counts with probability `share`; 0 once the law holds less than `floor`. */
static inline int extend(double *law, int64_t orders, double share, double floor) {
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

static inline void reset(double *law, int64_t orders, double first) {
    memset(law, 0, (size_t)orders * sizeof(double));
    law[0] = first;
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

/* Each answers batches begin to end and returns 0, or -1 without memory. */

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

/* out (batches, P): how many pairs (run of a place, point of a batch) count. */
EXPORT int pf_pairs(int level, const index_t *index, const points_t *points, int64_t begin, int64_t end,
                    double *out) {
    return DISPATCH(pairs, index, points, begin, end, out);
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

/* The places whose best corner is at most space->high, in order, `own` left out: into space->places. */
static inline TARGET void F(gather)(space_t *space, const index_t *index, int32_t own) {
    const int64_t d = index->corner_dimensions, top = index->level_count - 1;
    int32_t *found = space->places, *next = space->spare;
    int64_t count = index->blocks[top];
    for (int64_t b = 0; b < count; b++)
        found[b] = (int32_t)b;
    for (int64_t level = top; level >= 0; level--) {
        int64_t kept = 0;
        for (int64_t b = 0; b < count; b++) {
            const int32_t *block = index->levels[level] + found[b] * d * LANES;
            kept = F(append)(next, kept, found[b] * LANES, F(at_most)(block, space->high, d));
        }
        int32_t *swap = found;
        found = next, next = swap, count = kept;
    }
    space->count = 0;
    space->places = found, space->spare = next;
    for (int64_t i = 0; i < count; i++)
        if (found[i] != own)
            found[space->count++] = found[i];
}

/* Copy the best corners of the places gathered into blocks, without coordinates beyond d. */
static inline TARGET void F(pack)(space_t *space, const index_t *index, int64_t d) {
    const int64_t wide = index->corner_dimensions;
    for (int64_t i = 0; i < (space->count + LANES - 1) / LANES * LANES; i++) {
        int32_t *lane = space->corners + i / LANES * d * LANES + i % LANES;
        const int32_t place = i < space->count ? space->places[i] : 0;
        const int32_t *corner = index->levels[0] + place / LANES * wide * LANES + place % LANES;
        for (int64_t k = 0; k < d; k++)
            lane[k * LANES] = i < space->count ? corner[k * LANES] : INT32_MAX;
    }
}

/* How many runs of a place count against a point. */
static inline TARGET count_t F(count)(const index_t *index, int64_t place, const int32_t *point, const int32_t *cut) {
    const int64_t d = index->dimensions;
    count_t total = {0, 0};
    for (int64_t c = index->chunk_starts[place]; c < index->chunk_starts[place + 1]; c++) {
        const int32_t *chunk = index->codes + c * d * LANES;
        uint32_t weak = F(at_most)(chunk, point, d), strict = 0;
        if (cut == NULL) {
            strict = F(unequal)(chunk, point, d, weak);
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

static TARGET int F(surviving)(const index_t *index, const double *rows, const int64_t *starts, int64_t begin,
                               int64_t end, uint8_t *out) {
    const int64_t d = index->corner_dimensions, top = index->level_count - 1;
    int64_t most = 1;
    for (int64_t b = begin; b < end; b++)
        most = starts[b + 1] - starts[b] > most ? starts[b + 1] - starts[b] : most;
    int32_t *keys = malloc((size_t)(most * d) * sizeof(int32_t));
    space_t space;
    if (keys == NULL || !make_space(&space, index)) {
        free(keys);
        return -1;
    }
    for (int64_t b = begin; b < end; b++) {
        const int64_t count = starts[b + 1] - starts[b];
        for (int64_t i = 0; i < count * d; i++)
            keys[i] = key_down(rows[starts[b] * d + i]);
        corners_of(keys, count, d, space.low, space.high);
        int hopeless = 0;
        for (int64_t block = 0; block < index->blocks[top] && !hopeless; block++)
            hopeless = F(dominated)(index, top, block, space.low);
        memset(out + starts[b], !hopeless, (size_t)count);
        if (hopeless)
            continue;
        F(gather)(&space, index, -1);
        F(pack)(&space, index, d);
        for (int64_t r = 0; r < count; r++)
            for (int64_t i = 0; i < space.count && out[starts[b] + r]; i += LANES) {
                const int32_t *block = space.corners + i * d;
                const uint32_t mask = F(at_most)(block, keys + r * d, d);
                out[starts[b] + r] = F(unequal)(block, keys + r * d, d, mask) == 0;
            }
    }
    free(keys);
    free_space(&space);
    return 0;
}

/* Put the places that count strongly against the best corner of the batch first. Returns 0 if against that corner,
 * and so against every point of the batch, enough count to leave less than the floor. */
static TARGET int F(strong_first)(space_t *space, const index_t *index, const points_t *points, double *law,
                                  int64_t orders) {
    const int64_t d = index->dimensions;
    const int32_t *corner = points->rule == MARGIN ? space->low_cut : space->low;
    int64_t strong = 0, rest = 0;
    int enough = 1;
    reset(law, orders, 1.0);
    for (int64_t i = 0; i < space->count && enough; i += LANES) {
        uint32_t mask = F(at_most)(space->corners + i * d, corner, d);
        for (int64_t j = i; j < i + LANES && j < space->count && enough; j++) {
            const int32_t place = space->places[j];
            double share = 0.0;
            if (mask >> (j - i) & 1) {
                const count_t n = F(count)(index, place, corner, NULL);
                share = (points->rule == DOMINATES ? n.strict : n.weak) / index->runs[place];
                enough = extend(law, orders, share, points->floor);
            }
            if (share >= STRONG)
                space->places[strong++] = place;
            else
                space->spare[rest++] = place;
        }
    }
    if (!enough)
        return 0;
    memcpy(space->places + strong, space->spare, (size_t)rest * sizeof(int32_t));
    F(pack)(space, index, d);
    return 1;
}

static TARGET int F(products)(const index_t *index, const points_t *points, int64_t orders, int64_t begin,
                              int64_t end, double *out) {
    const int64_t d = index->dimensions;
    space_t space;
    if (!make_space(&space, index))
        return -1;
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
        if (points->rule == MARGIN)
            corners_of(points->cuts + first * d, count, d, space.low_cut, space.high);
        corners_of(points->codes + first * d, count, d, space.low, space.high);
        F(gather)(&space, index, points->own[b]);
        F(pack)(&space, index, d);
        const int some = count == 1 || F(strong_first)(&space, index, points, out + first * orders, orders);
        for (int64_t q = first; q < first + count; q++) {
            const int32_t *point = points->codes + q * d;
            const int32_t *cut = points->rule == MARGIN ? points->cuts + q * d : NULL;
            int left = some;
            double *law = out + q * orders;
            reset(law, orders, left);
            for (int64_t i = 0; i < space.count && left; i += LANES) {
                uint32_t mask = F(at_most)(space.corners + i * d, point, d);
                for (; mask && left; mask &= mask - 1) {
                    const int32_t place = space.places[i + __builtin_ctz(mask)];
                    const count_t n = F(count)(index, place, point, cut);
                    const uint32_t counted = points->rule == AT_MOST ? n.weak : n.strict;
                    if (counted && !extend(law, orders, counted / index->runs[place], points->floor)) {
                        reset(law, orders, 0.0);
                        left = 0;
                    }
                }
            }
        }
    }
    free_space(&space);
    return 0;
}

/* The product over everybody else of "does not count" for one point, averaged over the shared values. */
static TARGET double F(shared_product)(groups_t *state, const space_t *space, const index_t *index,
                                       const shared_t *shared, const int32_t *groups, const int32_t *point,
                                       const int32_t *cut, int32_t own, double floor) {
    const int64_t d = index->dimensions;
    double common = 1.0;
    for (int64_t i = 0; i < space->count; i += LANES) {
        uint32_t mask = F(at_most)(space->corners + i * d, point, d);
        for (; mask; mask &= mask - 1) {
            const int64_t at = i + __builtin_ctz(mask);
            const int32_t place = space->places[at], g = groups[place];
            const count_t n = F(count)(index, place, point, cut);
            if (n.weak == 0)
                continue;
            const double weak = 1.0 - n.weak / index->runs[place], strict = 1.0 - n.strict / index->runs[place];
            if (g == own || space->shares[at] > 0.0) {
                common *= g == own ? strict : weak;
                if (common < floor)
                    return 0.0;
                continue;
            }
            if (!state->met[g]) {
                state->met[g] = 1;
                state->touched[state->touched_count++] = g;
                state->better[g] = state->equal[g] = 1.0;
            }
            state->better[g] *= weak;
            state->equal[g] *= strict;
        }
    }
    return average(state, shared, own, common);
}

static TARGET int F(shared_products)(const index_t *index, const points_t *points, const int32_t *groups,
                                     const shared_t *shared, int64_t begin, int64_t end, double *out) {
    const int64_t d = index->dimensions, s = shared->components;
    space_t space;
    groups_t state;
    if (!make_space(&space, index))
        return -1;
    if (!make_groups(&state, shared)) {
        free_space(&space);
        return -1;
    }
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
        const int32_t own = groups[points->own[b]];
        corners_of(points->codes + first * d, count, d, space.low, space.high);
        memcpy(space.high + d, shared->worst + own * s, (size_t)s * sizeof(int32_t));
        F(gather)(&space, index, points->own[b]);
        F(pack)(&space, index, d);
        for (int64_t i = 0; i < space.count; i++)
            space.shares[i] = surely_better(shared, own, groups[space.places[i]]);
        for (int64_t q = first; q < first + count; q++) {
            const int32_t *cut = points->rule == MARGIN ? points->cuts + q * d : NULL;
            out[q] = F(shared_product)(&state, &space, index, shared, groups, points->codes + q * d, cut, own,
                                       points->floor);
            while (state.touched_count > 0)
                state.met[state.touched[--state.touched_count]] = 0;
        }
    }
    free_groups(&state);
    free_space(&space);
    return 0;
}

static TARGET int F(pairs)(const index_t *index, const points_t *points, int64_t begin, int64_t end, double *out) {
    const int64_t d = index->dimensions;
    space_t space;
    if (!make_space(&space, index))
        return -1;
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
        const int32_t *rows = points->codes + first * d;
        corners_of(rows, count, d, space.low, space.high);
        F(gather)(&space, index, points->own[b]);
        for (int64_t i = 0; i < space.count; i++) {
            const int32_t place = space.places[i];
            double *pairs = out + b * index->size + place;
            const double certain = index->runs[place] * (double)count;
            if (F(count)(index, place, space.low, NULL).strict == index->runs[place])
                *pairs = certain;
            else
                for (int64_t r = 0; r < count; r++)
                    *pairs += F(count)(index, place, rows + r * d, NULL).strict;
        }
    }
    free_space(&space);
    return 0;
}

#endif
