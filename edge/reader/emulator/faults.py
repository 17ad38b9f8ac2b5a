"""What goes wrong with readers in the field, as objects that can be switched on and off."""


class Fault:
    """A fault that does nothing; subclasses override the hooks that they need.

    count: how often it acts before it ends by itself; None for until it is stopped.
    """

    kind = "none"

    def __init__(self, *, count: int | None = None) -> None:
        self.count = count
        self.active = False
