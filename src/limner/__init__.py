"""Limner: a self-hosted image-generation service, one durable task API over many image models."""

__version__ = "0.1.0"
