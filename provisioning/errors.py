"""One root for every error that this package raises."""


class ProvisioningError(Exception):
    """Root. The message is for the person at the keyboard."""


class DemoError(ProvisioningError):
    """The demo site could not be brought up, or its story did not come true."""
