"""Rules of operators, and what was refused."""
