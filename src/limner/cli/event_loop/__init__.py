"""The event loop of services."""
