"""Files that stay: sealed samples and models."""
