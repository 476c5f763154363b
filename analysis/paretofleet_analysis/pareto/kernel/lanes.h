/* Sixteen lanes at once: comparisons, counters and lists. Included once per instruction set. */

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
