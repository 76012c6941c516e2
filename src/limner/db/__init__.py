"""Tables, statements and the unit-of-work runner, for SQLite and PostgreSQL alike."""
