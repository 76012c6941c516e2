"""The loops that move tasks: one noun a file."""
