"""A picture composed of things in a place: where they stand, the place itself, light and shadow."""
