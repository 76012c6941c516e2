"""Route statistics: how fast and how well each route has worked lately, read from the journal."""
