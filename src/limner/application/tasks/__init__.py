"""The life of a task: submit, execute, settle, cancel, read."""
