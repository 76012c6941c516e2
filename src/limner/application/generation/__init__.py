"""Getting one image from a provider: routes, limits, retries and the spend journal."""
