"""Watching tasks change."""
