"""SQLite and PostgreSQL: stores that run units of work, and signals between processes."""
