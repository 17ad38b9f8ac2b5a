"""What can be wrong with an image, said in the installer's language."""

from __future__ import annotations

from collections.abc import Callable

from provisioning.errors import ProvisioningError


class ImageError(ProvisioningError):
    """The image cannot be made, read or trusted. ``message`` is a text of the catalogue; ``values`` fill its places."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message % values if values else message)
        self.message = message
        self.values = values

    def text(self, _: Callable[..., str]) -> str:
        """The reason in the language of ``_``."""
        return _(self.message, **self.values)


class FatError(ImageError):
    """The FAT file system is damaged, full, or of a kind that is not written here."""


class RefusedError(ImageError):
    """The base image cannot be prepared, or what the installer gave cannot be; nothing was written."""
