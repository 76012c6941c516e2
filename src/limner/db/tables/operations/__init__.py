"""Reads over all accounts, for operators."""
