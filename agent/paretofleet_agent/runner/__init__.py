"""One run in a fresh interpreter. Python 3.6 grammar, the standard library and the runtime it drives."""
