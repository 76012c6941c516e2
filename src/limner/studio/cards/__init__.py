"""The cards of tasks, in the feed and wherever a task is shown small."""
