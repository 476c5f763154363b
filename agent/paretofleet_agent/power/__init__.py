"""Power sensors read over time: the sampler's process, its rhythm, what is known of a sensor."""
