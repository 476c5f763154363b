"""One file a runtime; each is imported only in the process that drives it."""
