/* The kernel of the exact stochastic ranking; numpy_engine.py says the same in numpy.
 *
 * instruction_set.h is included once per instruction set: each pass gives its functions a suffix and that set's lane
 * comparisons, and the exported functions choose at run time. Results do not depend on the choice: all sets visit the
 * index in one order and multiply doubles in one order (compile without contraction). Nor do they depend on threads:
 * those are the caller's, and a batch of points is answered from the index alone.
 */
#include "workspace.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define F(name) JOIN(name, INSTRUCTION_SET)

#define INSTRUCTION_SET scalar
#define TARGET
#include "instruction_set.h"
#undef INSTRUCTION_SET
#undef TARGET

#if defined(__x86_64__)
#define INSTRUCTION_SET avx2
#define TARGET __attribute__((target("avx2,popcnt,bmi")))
#define USE_AVX2
#include "instruction_set.h"
#undef INSTRUCTION_SET
#undef TARGET
#undef USE_AVX2

#define INSTRUCTION_SET avx512
#define TARGET __attribute__((target("avx512f,avx2,popcnt,bmi")))
#define USE_AVX512
#include "instruction_set.h"
#undef INSTRUCTION_SET
#undef TARGET
#undef USE_AVX512
#elif defined(__aarch64__)
#define INSTRUCTION_SET neon
#define TARGET
#define USE_NEON
#include "instruction_set.h"
#undef INSTRUCTION_SET
#undef TARGET
#undef USE_NEON
#endif

enum { LEVEL_SCALAR = 0, LEVEL_AVX2 = 1, LEVEL_AVX512 = 2, LEVEL_NEON = 3 };

/* Raised when what is passed to the functions below changes, so that a library of another version is refused. */
EXPORT int pf_interface(void) {
    return 4;
}

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

/* out (points): the probability that nobody counts, over shared values; groups (P) of the places in the index.
 * With margins it is another formula, under which a group has a product for every value that it may have. */
EXPORT int pf_shared_products(int level, const index_t *index, const points_t *points, const int32_t *groups,
                              const shared_t *shared, int64_t begin, int64_t end, double *out) {
    if (points->rule == BEATS)
        return DISPATCH(shared_beats, index, points, groups, shared, begin, end, out);
    return DISPATCH(shared_products, index, points, groups, shared, begin, end, out);
}

/* out (columns, P): how many pairs (run of a place, point of batches columns[j] to columns[j + 1]) count. */
EXPORT int pf_pairs(int level, const index_t *index, const points_t *points, const int64_t *columns, int64_t begin,
                    int64_t end, double *out) {
    return DISPATCH(pairs, index, points, columns, begin, end, out);
}
