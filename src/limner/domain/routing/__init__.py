"""Routes to a model: failures, backoff, circuit breakers and provider limits."""
