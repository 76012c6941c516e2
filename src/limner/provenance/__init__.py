"""C2PA: the keys of this installation, signing with them, and reading manifests. Needs the extra `provenance`."""
