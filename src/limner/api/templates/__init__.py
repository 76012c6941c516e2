"""Limner's own API for templates of accounts."""
