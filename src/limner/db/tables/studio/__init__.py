"""What the Studio reads and writes: browser sessions, and the figures of an account."""
