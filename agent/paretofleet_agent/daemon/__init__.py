"""`paretofleet-agent run`: the only room that joins what measures with the way to the collector."""
