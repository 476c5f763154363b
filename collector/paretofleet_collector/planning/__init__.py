"""From a specification to configurations and the next run; pure."""
