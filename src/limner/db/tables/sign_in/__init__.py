"""Browsers that sign in."""
