"""Prompts: which characters they may hold, templates, and how the final prompt is composed."""
