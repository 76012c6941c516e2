"""Uploads, reference images and storing bytes."""
