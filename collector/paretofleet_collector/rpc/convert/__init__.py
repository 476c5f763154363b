"""Between the messages of the wire and the collector's data: `x_to_proto`, `x_from_proto`, nothing else."""
