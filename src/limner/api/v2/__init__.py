"""The v2 face: the API of the seed."""
