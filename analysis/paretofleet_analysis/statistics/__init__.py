"""Intervals, moments, stopping and correlation; arrays in, numbers out."""
