"""The small neural networks: cutting out, enlarging, finding faces."""
