"""An S3-shaped door for uploads: one bucket, into which temporary credentials may write one object each."""
