"""The way to the collector: identity, session, spool, upload, model files."""
