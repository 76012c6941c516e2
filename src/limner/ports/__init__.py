"""What the inside needs from the outside, in the inside's own words."""
