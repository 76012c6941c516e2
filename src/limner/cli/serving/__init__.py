"""`limner serve` and `limner worker`: the HTTP server and its TLS."""
