"""One root for every error that the edge package raises about what came from outside.

Mistakes of our own are asserted; a chip, a card, a file or a network that misbehaves is one of these. Each part of the
package adds its own branch below this root.
"""


class EdgeError(Exception):
    """Root: something outside the program does not behave as it must."""
