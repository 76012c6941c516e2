"""Parsers of JPEG, PNG and WebP containers; they decode no pixels."""
