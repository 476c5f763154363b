"""An architecture search with measured costs: its space, what it proposes next, its fronts. Arrays only."""
