"""Heavy work in a process of its own: sealing, reports, the choice of a block."""
