"""The Studio: the pages under /studio."""
