/* The answers to the four questions, for batches begin to end. Included once per instruction set. */

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
        const int32_t *cuts = points->rule == BEATS ? points->cuts + first * d : NULL;
        set_batch(&space, points->codes + first * d, cuts, count, d);
        set_owners(&space, points->owners + first, count);
        F(gather)(&space, index);
        F(strong_first)(&space, index);
        for (int64_t i = 0; i < orders * LANES; i++)
            law[i] = i < LANES;
        walk_t walk = F(start)(count);
        int64_t place, block = 0;
        while (walk.active && (place = F(next)(&walk, &space, index, points->rule)) >= 0) {
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

/* How many values of group g are better than, and equal to, each value of group home. */
static TARGET void F(relate)(groups_t *state, const shared_t *shared, int32_t home, int32_t g) {
    const int64_t s = shared->components;
    if (state->related[g] == home)
        return;
    state->related[g] = home;
    for (int64_t v = shared->starts[home]; v < shared->starts[home + 1]; v++) {
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
        const int64_t slot = g * shared->most_values + v - shared->starts[home];
        state->p_better[slot] = (double)better;
        state->p_equal[slot] = (double)equal;
    }
}

/* Begin with a group's products where it is met for the first time. */
static inline TARGET void F(meet)(groups_t *state, const shared_t *shared, int32_t home, int32_t g) {
    if (state->met[g])
        return;
    state->met[g] = 1;
    state->touched[state->touched_count++] = g;
    for (int l = 0; l < LANES; l++)
        state->better[g * LANES + l] = state->equal[g * LANES + l] = 1.0;
    F(relate)(state, shared, home, g);
}

/* `common` times the factors of the groups met, averaged over the values of the home group, in place. */
static TARGET void F(average)(const groups_t *state, const shared_t *shared, int32_t home, double *common) {
    const int64_t value_count = shared->starts[home + 1] - shared->starts[home];
    double total[LANES] = {0};
    for (int64_t v = 0; v < value_count; v++) {
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
        common[l] = total[l] / (double)value_count;
}

/* The products of one batch: `common` of what needs no shared value, the groups' own in `state`. */
static TARGET uint32_t F(shared_batch)(groups_t *state, const space_t *space, const index_t *index,
                                       const points_t *points, const shared_t *shared, const int32_t *groups,
                                       int64_t b, double *common) {
    const int32_t home = points->homes[b];
    walk_t walk = F(start)(points->batches[b + 1] - points->batches[b]);
    int64_t place, block = 0;
    for (int l = 0; l < LANES; l++)
        common[l] = 1.0;
    while (walk.active && (place = F(next)(&walk, space, index, points->rule)) >= 0) {
        const int32_t g = groups[place];
        if (g == home || surely_better(shared, home, g)) {
            F(extend)(common, 1, g == home ? walk.strict : walk.weak, index->runs[place]);
        } else {
            F(meet)(state, shared, home, g);
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
        const int32_t home = points->homes[b];
        set_batch(&space, points->codes + first * d, NULL, count, d);
        set_owners(&space, points->owners + first, count);
        memcpy(space.high + d, shared->worst + home * s, (size_t)s * sizeof(int32_t));
        F(gather)(&space, index);
        F(strong_first)(&space, index);
        const uint32_t left = F(shared_batch)(&state, &space, index, points, shared, groups, b, common);
        if (left)
            F(average)(&state, shared, home, common);
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
            set_owners(&space, points->owners + first, count);
            F(gather)(&space, index);
            walk_t walk = F(start)(count);
            int64_t place;
            while ((place = F(next)(&walk, &space, index, DOMINATES)) >= 0)
                for (int l = 0; l < LANES; l++)
                    out[j * index->size + place] += walk.strict[l];
        }
    free(space.memory);
    return 0;
}
