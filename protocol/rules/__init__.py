"""Rules that compute from rows alone: no I/O, no clock, no randomness. Both sides may use them."""
