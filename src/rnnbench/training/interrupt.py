"""Ctrl-C that ends training between two steps."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

import keras


class EndBetweenSteps(keras.callbacks.Callback):  # type: ignore[misc]
    """Within the block, let the first Ctrl-C wait for the step that is under way.

    Python raises `KeyboardInterrupt` wherever it happens to be, and where that is a finaliser or a
    callback of the database it is lost: training would go on. A second Ctrl-C is not held back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        if self._may_be_interrupted():
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._may_be_interrupted():
            signal.signal(signal.SIGINT, self._before)
        if kind is None:  # it was asked for after the last step
            self._end_if_asked()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End training if it was asked for."""
        self._end_if_asked()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End validation if it was asked for."""
        self._end_if_asked()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def _end_if_asked(self) -> None:
        if self._asked:
            raise KeyboardInterrupt

    def _may_be_interrupted(self) -> bool:
        """Whether Ctrl-C is this program's business: not where a shell has it ignored."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        return in_main_thread and self._before != signal.SIG_IGN
