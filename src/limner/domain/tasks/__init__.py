"""Tasks: what is asked, their states, progress and order in the queue."""
