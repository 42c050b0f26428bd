"""Threads for calls that block. Each store has its own: one that hangs takes its own threads with it, and no others."""

import asyncio
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as asyncio has for everything together."""


class Threads:
    """As many threads as one store may block; they are started when they are needed."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=name)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a call returns. Cancelled, it is not begun any more; what has begun goes on in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, functools.partial(call, *args, **kwargs))
