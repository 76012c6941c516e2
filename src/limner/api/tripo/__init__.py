"""What the v2 and v3 APIs share: the error table and the fields of a task."""
