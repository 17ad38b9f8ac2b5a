"""Works out the proofs of typed PINs beside the loop, one after another: doors go on meanwhile, and no two take memory at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from edge.core.actions import CheckPin
from edge.core.stimuli import PinChecked, Stimulus
from protocol.pin import proof_of


class PinChecks:
    """
    :param answer: brings the answer to the role, from any thread.
    :param failed: told, from any thread, that a proof could not be worked out: a fault of the program, or no memory.
    """

    def __init__(self, answer: Callable[[Stimulus], None], failed: Callable[[BaseException], None]) -> None:
        self._answer, self._failed = answer, failed
        self._thread: ThreadPoolExecutor | None = None

    def begin(self, action: CheckPin) -> None:
        """Work one out; answered by ``PinChecked``."""
        if self._thread is None:  # most nodes never ask for a PIN
            self._thread = ThreadPoolExecutor(1, "pins")
        self._thread.submit(self._work, action)

    def stop(self) -> None:
        """Begin no other."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self, action: CheckPin) -> None:
        try:
            proof = proof_of(action.digits, action.salt, action.cost)
        except BaseException as error:
            self._failed(error)
        else:
            self._answer(PinChecked(action.reader, action.check, proof))
