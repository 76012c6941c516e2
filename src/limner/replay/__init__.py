"""Replay recorded API calls against a server and report the differences."""
