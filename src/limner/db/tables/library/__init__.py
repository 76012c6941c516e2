"""What lists, searches and lineages of tasks are read from."""
