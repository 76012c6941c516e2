"""Whether pictures were made here, and what was refused."""
