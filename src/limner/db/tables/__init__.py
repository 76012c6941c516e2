"""The statements, one file per table or group of tables."""
