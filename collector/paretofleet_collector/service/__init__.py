"""What agents and the command may ask of a collector, as plain functions."""
