"""Vendors that work on jobs: their calls, and the base of their providers."""
