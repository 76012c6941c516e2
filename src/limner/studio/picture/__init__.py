"""What the page of a picture tells, beside its card."""
