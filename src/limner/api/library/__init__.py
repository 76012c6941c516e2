"""The calls of the library, which the v2 and v3 APIs share."""
