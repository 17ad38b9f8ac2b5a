"""What can go wrong with a node's storage.

Law of this file: the class says what helps. ``StorageFullError``: space; ``StorageDeadError``: only the medium;
``CorruptedError``: the file is put aside; ``RefusedError``: nothing is wrong with the storage.
"""

from __future__ import annotations

from edge.errors import EdgeError


class CacheError(EdgeError):
    """Root: a row or a fact could not be stored or read."""


class StorageError(CacheError):
    """The medium did not do its part; nothing was stored by this call."""


class StorageFullError(StorageError):
    """There is no room left."""


class StorageDeadError(StorageError):
    """Read-only, unplugged, or failing."""


class CorruptedError(CacheError):
    """What stands in the file is not what was written."""


class RefusedError(CacheError):
    """Rows that would take a revision back, or that start from another revision than the one stored (I6)."""
