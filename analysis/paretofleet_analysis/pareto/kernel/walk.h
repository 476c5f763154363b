/* The way through the index: the blocks near a batch, and the places that may count against it, one after the other.
 * Included once per instruction set. */

/* The level-0 blocks that may hold a best corner at most space->high, in order. */
static inline TARGET void F(gather)(space_t *space, const index_t *index) {
    const int64_t d = index->corner_dimensions, top = index->level_count - 1;
    int32_t *near = space->blocks, *next = space->spare;
    int64_t count = index->blocks[top];
    for (int64_t b = 0; b < count; b++)
        near[b] = (int32_t)b;
    for (int64_t level = top; level > 0; level--) {
        int64_t kept = 0;
        for (int64_t b = 0; b < count; b++) {
            const int32_t *block = index->levels[level] + near[b] * d * LANES;
            kept = F(append)(next, kept, near[b] * LANES, F(at_most)(block, space->high, d));
        }
        int32_t *swap = near;
        near = next, next = swap, count = kept;
    }
    space->blocks = near, space->spare = next;
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
        uint32_t at_most = F(at_most)(space->points, runs, d) & walk->others, less = at_most;
        if (rule == DOMINATES && at_most) {
            less = F(unequal)(space->points, runs, d, at_most);
        } else if (rule == BEATS && at_most) {
            less = 0;
            for (int64_t k = 0; k < d; k++)
                less |= F(lanes_at_most)(space->cuts + k * LANES, runs[k]);
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

/* The next place with runs that may count against an active lane; -1 after the last. */
static inline TARGET int64_t F(next_place)(walk_t *walk, const space_t *space, const index_t *index) {
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
        uint32_t lanes = walk->active;
        for (int64_t k = 0; k < d; k++)
            lanes &= F(lanes_at_most)(space->points + k * LANES, ~corner[k * LANES]);
        if (lanes == 0)
            continue;
        walk->others = ~F(lanes_equal)(space->owners, (int32_t)place);
        if (lanes & walk->others)
            return place;
    }
}

/* The same with its runs counted. */
static inline TARGET int64_t F(next)(walk_t *walk, const space_t *space, const index_t *index,
                                     int64_t rule) {
    const int64_t d = index->dimensions, place = F(next_place)(walk, space, index);
    if (place < 0)
        return -1;
    const int32_t *runs = index->complements + index->starts[place] * d;
    const int32_t *end = index->complements + index->starts[place + 1] * d;
    switch (rule == AT_MOST ? d : rule == BEATS ? -d : 0) {
    case 2: F(count)(walk, space, runs, end, AT_MOST, 2); break;
    case 3: F(count)(walk, space, runs, end, AT_MOST, 3); break;
    case 4: F(count)(walk, space, runs, end, AT_MOST, 4); break;
    case 5: F(count)(walk, space, runs, end, AT_MOST, 5); break;
    case 6: F(count)(walk, space, runs, end, AT_MOST, 6); break;
    case -3: F(count)(walk, space, runs, end, BEATS, 3); break;
    case -4: F(count)(walk, space, runs, end, BEATS, 4); break;
    case -5: F(count)(walk, space, runs, end, BEATS, 5); break;
    default: F(count)(walk, space, runs, end, rule, d);
    }
    return place;
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
