"""Benchmarks. `python -m bench` prints one line a figure: name, value, unit."""
