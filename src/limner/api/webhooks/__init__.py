"""Limner's own face for webhooks: where an account wants to be told of its tasks, and what became of that."""
