"""What a ranking and the studies say, as one page that needs nothing else."""
