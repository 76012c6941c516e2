"""The S3-compatible upload API: one bucket, in which temporary credentials may write one object each."""
