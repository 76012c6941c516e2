"""Backups of database, pictures and secret: made, checked, restored."""
