"""What is done to a subject: the templates, views from other sides, sketches, looks."""
