"""Reference images: fetched, verified and normalised."""
