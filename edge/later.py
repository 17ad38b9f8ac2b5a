"""A thread for work that may wait, made with the first work: a start has none, and the library's pool takes long to import."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LaterExecutor(Executor):
    """``ThreadPoolExecutor`` of one thread, as soon as there is something to do."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pool: Executor | None = None

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See ``concurrent.futures.Executor``. From one thread only: the node's loop."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(1, self._name)
        return self._pool.submit(work, *args, **kwargs)

    def shutdown(self, wait: bool = True, **more: Any) -> None:
        """See ``concurrent.futures.Executor``."""
        if self._pool is not None:
            self._pool.shutdown(wait, **more)
