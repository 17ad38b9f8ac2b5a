"""A whole site on one computer: real processes, the real protocol, real drivers over emulated chips."""
