"""Decoding, verifying and normalising reference images with Pillow."""
