"""Commands for operators: database, providers, spend, health."""
