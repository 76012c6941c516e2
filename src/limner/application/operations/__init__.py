"""What operators look at and change, for the command line, the API and the metrics."""
