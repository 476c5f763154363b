"""The device under test: targets, runtimes, clocks, who else uses it."""
