"""Releases of the node's program: built from hashed wheels and our own packages, signed, checked."""
