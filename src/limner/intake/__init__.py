"""Reference images: fetched safely, verified, and stripped of what should not travel."""
