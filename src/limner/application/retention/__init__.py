"""Removing what has been kept long enough, erasing on demand, and checking consistency."""
