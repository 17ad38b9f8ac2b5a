"""Pictures are worked on in threads beside the event loop, few at a time: each holds megabytes of pixels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
THREADS: Final = 2
_POOL: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")


async def apart(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``fn`` beside the event loop; what it raises is raised here. It must not use the database."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, lambda: fn(*args, **kwargs))
