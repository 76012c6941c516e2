"""Pure values and rules: no framework, no clock, no chance, no input or output."""
