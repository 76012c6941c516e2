"""Accounts, API keys, credits and rate limiters."""
