"""Webhooks: their management, the outbox and delivery."""
