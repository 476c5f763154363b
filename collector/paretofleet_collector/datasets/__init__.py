"""Labelled sets: read where the command runs, prepared as a model takes them, and stated how."""
