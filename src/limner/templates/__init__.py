"""The built-in templates, one folder each."""
