"""One file a vendor protocol."""
