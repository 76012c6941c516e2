"""Moving a database between SQLite and PostgreSQL, with proof that both hold the same."""
