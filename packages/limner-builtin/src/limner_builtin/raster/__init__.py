"""Planes of pixels, and what is done to them: regions, rounded bodies, light, outlines."""
