"""Playing recorded calls against a server, to see what would be different there."""
