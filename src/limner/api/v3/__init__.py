"""The v3 face: the same tasks under the names of the later API."""
