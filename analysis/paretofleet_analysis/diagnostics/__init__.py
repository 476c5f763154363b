"""What a report says of its device: drift, pairs, levels of variance, timing."""
