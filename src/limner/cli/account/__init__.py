"""Commands for accounts, keys, credits and webhooks."""
