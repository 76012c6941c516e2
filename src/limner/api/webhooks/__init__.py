"""Limner's own API for webhooks and their deliveries."""
