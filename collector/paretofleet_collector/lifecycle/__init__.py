"""What happens to runs and sweeps, each step within one transaction."""
