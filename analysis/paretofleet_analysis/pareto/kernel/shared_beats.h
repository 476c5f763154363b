/* Who is beaten by nobody where groups share values and margins count. Included once per instruction set.
 *
 * Given a point x of the home group and a value v of it, the configurations of another group are independent only
 * given that group's value w. What that does to a comparison is three things of the pair (v, w): whether w is allowed
 * (not worse by more than a margin), whether it brings a gain by itself, and by how much it moves the sum of gains,
 * its delta. A run counts for all pairs whose delta exceeds what the run lacks. So the pairs of two groups are sorted
 * by delta once, each run is put at its place among them, and a running sum gives the counts of a configuration for
 * all pairs at once. A batch costs (runs near it) x log(pairs) + (places near it) x pairs, whatever the values are;
 * groups are taken one after the other, so that one table of products is kept.
 */

/* The pairs of two groups' values in the order of their deltas; `allowed` counts those of each home value. */
static TARGET void F(relate_pairs)(pairs_t *pairs, const shared_t *shared, int32_t home, int32_t g) {
    const int64_t s = shared->components, first = shared->starts[home];
    if (pairs->home == home && pairs->group == g)
        return;
    pairs->home = home, pairs->group = g, pairs->count = 0;
    for (int64_t v = first; v < shared->starts[home + 1]; v++) {
        pairs->allowed[v - first] = 0;
        for (int64_t w = shared->starts[g]; w < shared->starts[g + 1]; w++) {
            int is_allowed = 1, is_gain = 0;
            for (int64_t k = 0; k < s; k++) {
                is_allowed &= shared->values[w * s + k] <= shared->loose[v * s + k];
                is_gain |= shared->values[w * s + k] <= shared->cuts[v * s + k];
            }
            if (!is_allowed)
                continue;
            const int outweighs = shared->precedences[w] < shared->precedences[v];
            const double delta = outweighs ? INFINITY : shared->potentials[v] - shared->potentials[w];
            pairs->sorted[pairs->count++] = (pair_t){delta, (int32_t)(v - first), is_gain};
            pairs->allowed[v - first]++;
        }
    }
    qsort(pairs->sorted, (size_t)pairs->count, sizeof(pair_t), compare_pairs);
    for (int64_t p = 0; p < pairs->count; p++)
        pairs->deltas[p] = pairs->sorted[p].delta;
}

/* The first of the sorted pairs whose delta exceeds t. */
static inline int64_t F(first_above)(const double *deltas, int64_t count, double t) {
    int64_t low = 0;
    while (count > 0) {
        const int64_t half = count / 2;
        const int is_below = !(deltas[low + half] > t);
        low = is_below ? low + half + 1 : low;
        count = is_below ? count - half - 1 : half;
    }
    return low;
}

/* How much a run lacks against a point of the batch: it counts where a delta exceeds that. */
static inline double F(lack)(const index_t *index, const points_t *points, int64_t run, int64_t point) {
    if (index->precedences[run] < points->precedences[point])
        return -INFINITY;
    return index->potentials[run] - points->potentials[point];
}

/* Which lanes a run is near, and of those in which it gains by itself. */
static inline TARGET uint32_t F(near_lanes)(const space_t *space, const int32_t *run, int64_t d, uint32_t *gains) {
    const uint32_t near = F(at_most)(space->points, run, d);
    *gains = 0;
    if (near)
        for (int64_t k = 0; k < d; k++)
            *gains |= F(lanes_at_most)(space->cuts + k * LANES, run[k]);
    return near;
}

/* One place of the home group, with which the point has its value in common. */
static TARGET void F(home_place)(const space_t *space, const index_t *index, const points_t *points, int64_t first,
                                 uint32_t others, int64_t place, double *common) {
    const int64_t d = index->dimensions;
    int32_t counts[LANES] = {0};
    for (int64_t run = index->starts[place]; run < index->starts[place + 1]; run++) {
        uint32_t gains, near = F(near_lanes)(space, index->complements + run * d, d, &gains);
        for (near &= gains & others; near; near &= near - 1) {
            const int l = __builtin_ctz(near);
            counts[l] += F(lack)(index, points, run, first + l) < 0.0;
        }
    }
    F(extend)(common, 1, counts, index->runs[place]);
}

/* One place of another group: its products for all pairs. */
static TARGET void F(pair_products)(beats_t *state, const pairs_t *pairs, const space_t *space, const index_t *index,
                                    const points_t *points, int64_t first, uint32_t active, int64_t place) {
    const int64_t d = index->dimensions;
    const size_t cells = (size_t)(pairs->count + 1) * LANES;
    memset(state->gaining, 0, cells * sizeof(int32_t));
    memset(state->helped, 0, cells * sizeof(int32_t));
    for (int64_t run = index->starts[place]; run < index->starts[place + 1]; run++) {
        uint32_t gains, near = F(near_lanes)(space, index->complements + run * d, d, &gains);
        for (near &= active; near; near &= near - 1) {
            const int l = __builtin_ctz(near);
            const double lack = F(lack)(index, points, run, first + l);
            const int64_t at = F(first_above)(pairs->deltas, pairs->count, lack);
            (gains >> l & 1 ? state->gaining : state->helped)[at * LANES + l]++;
        }
    }
    int32_t counts[LANES] = {0}, more[LANES] = {0}, both[LANES];
    for (int64_t p = 0; p < pairs->count; p++) {
        for (int l = 0; l < LANES; l++) {
            counts[l] += state->gaining[p * LANES + l];
            more[l] += state->helped[p * LANES + l];
            both[l] = counts[l] + (pairs->sorted[p].is_gain ? more[l] : 0);
        }
        F(extend)(state->products + p * LANES, 1, both, index->runs[place]);
    }
}

/* Multiply the totals (values, 16) by the factor of a group: the mean over its values of its products. */
static TARGET void F(multiply_group)(beats_t *state, const pairs_t *pairs, int64_t values, int64_t theirs) {
    for (int64_t i = 0; i < values * LANES; i++)
        state->factors[i] = (double)(theirs - pairs->allowed[i / LANES]);
    for (int64_t p = 0; p < pairs->count; p++) {
        double *factor = state->factors + pairs->sorted[p].value * LANES;
        for (int l = 0; l < LANES; l++)
            factor[l] += state->products[p * LANES + l];
    }
    for (int64_t i = 0; i < values * LANES; i++)
        state->totals[i] *= state->factors[i] / (double)theirs;
}

/* The lanes of which some value still holds the floor. */
static TARGET uint32_t F(holding_values)(const beats_t *state, const double *common, int64_t values, double floor) {
    uint32_t mask = 0;
    for (int64_t v = 0; v < values; v++)
        for (int l = 0; l < LANES; l++)
            mask |= (uint32_t)(common[l] * state->totals[v * LANES + l] >= floor) << l;
    return mask;
}

/* Take the places near a batch: those of the home group at once, the others into a list for each group. */
static TARGET void F(list_places)(beats_t *state, const space_t *space, const index_t *index, const points_t *points,
                                  const int32_t *groups, int64_t b, double *common) {
    const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
    walk_t walk = F(start)(count);
    int64_t place;
    state->listed = 0;
    while ((place = F(next_place)(&walk, space, index)) >= 0) {
        const int32_t g = groups[place];
        if (g == points->homes[b]) {
            F(home_place)(space, index, points, first, walk.others, place, common);
            continue;
        }
        if (state->heads[g] < 0) {
            state->groups[state->listed++] = g;
            state->heads[g] = (int32_t)place;
        } else {
            state->next[state->tails[g]] = (int32_t)place;
        }
        state->tails[g] = (int32_t)place;
        state->next[place] = -1;
    }
}

static TARGET void F(beats_batch)(beats_t *state, const space_t *space, const index_t *index, const points_t *points,
                                  const shared_t *shared, const int32_t *groups, int64_t b, double *out) {
    const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
    const int32_t home = points->homes[b];
    const int64_t values = shared->starts[home + 1] - shared->starts[home];
    double common[LANES];
    for (int l = 0; l < LANES; l++)
        common[l] = 1.0;
    for (int64_t i = 0; i < values * LANES; i++)
        state->totals[i] = 1.0;
    F(list_places)(state, space, index, points, groups, b, common);
    uint32_t active = ((1u << count) - 1) & F(holding_values)(state, common, values, points->floor);
    for (int64_t at = 0; at < state->listed; at++) {
        const int32_t g = state->groups[at];
        if (active) {
            pairs_t *pairs = state->cache + g % state->slots;
            F(relate_pairs)(pairs, shared, home, g);
            for (int64_t i = 0; i < pairs->count * LANES; i++)
                state->products[i] = 1.0;
            for (int64_t place = state->heads[g]; place >= 0 && pairs->count; place = state->next[place])
                F(pair_products)(state, pairs, space, index, points, first, active, place);
            if (pairs->count)
                F(multiply_group)(state, pairs, values, shared->starts[g + 1] - shared->starts[g]);
            active &= F(holding_values)(state, common, values, points->floor);
        }
        state->heads[g] = -1;
    }
    for (int64_t l = 0; l < count; l++) {
        double total = 0.0;
        for (int64_t v = 0; v < values; v++)
            total += common[l] * state->totals[v * LANES + l];
        out[first + l] = active >> l & 1 ? total / (double)values : 0.0;
    }
}

static TARGET int F(shared_beats)(const index_t *index, const points_t *points, const int32_t *groups,
                                  const shared_t *shared, int64_t begin, int64_t end, double *out) {
    const int64_t d = index->dimensions, s = shared->components;
    space_t space;
    beats_t state;
    if (!make_space(&space, index))
        return -1;
    if (!make_beats(&state, index, shared)) {
        free(space.memory);
        return -1;
    }
    for (int64_t b = begin; b < end; b++) {
        const int64_t first = points->batches[b], count = points->batches[b + 1] - first;
        set_batch(&space, points->codes + first * d, points->cuts + first * d, count, d);
        set_owners(&space, points->owners + first, count);
        memcpy(space.high + d, shared->worst + points->homes[b] * s, (size_t)s * sizeof(int32_t));
        F(gather)(&space, index);
        F(strong_first)(&space, index);
        F(beats_batch)(&state, &space, index, points, shared, groups, b, out);
    }
    free_beats(&state);
    free(space.memory);
    return 0;
}
