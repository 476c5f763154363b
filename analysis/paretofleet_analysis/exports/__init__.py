"""Reports for the tools of others."""
