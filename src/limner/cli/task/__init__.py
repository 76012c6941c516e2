"""Commands for tasks, images and templates."""
