"""What a card does at its first start, and again after a power cut in the middle: see :mod:`edge.first_boot.__main__`."""
