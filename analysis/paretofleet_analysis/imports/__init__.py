"""Tables of others become reports, by a mapping of their columns that is stated."""
