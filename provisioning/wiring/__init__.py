"""``onecard-provision wiring``: which wire of a device goes to which pin, drawn from the board profile itself."""
