"""Measuring without a collector: bench, the self-test, a board's snapshot."""
