"""The wires of a node: boards as data, pins through one file, a simulated board beside it, and rest on every way out."""
