"""Credits, key limits and rate limits."""
