"""What all HTTP APIs share: middleware, bodies, authentication, rate limits, OpenAPI."""
