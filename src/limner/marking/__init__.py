"""Marks in pictures: XMP that says how a picture was made, put into its container without touching its pixels."""
