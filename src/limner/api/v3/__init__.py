"""The v3 API: the same tasks under the names of the later API."""
