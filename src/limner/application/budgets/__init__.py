"""Budgets: charging tasks that are accepted, and warnings when much is spent."""
