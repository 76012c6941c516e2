"""HTTP to URLs given by users. Addresses are checked before resolution and again when the socket is opened."""
