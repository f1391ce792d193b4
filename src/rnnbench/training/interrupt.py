"""Ctrl-C that ends training between two steps."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

import keras


class EndBetweenSteps(keras.callbacks.Callback):  # type: ignore[misc]
    """Within the block, delay the first Ctrl-C until the current step has ended.

    Python raises `KeyboardInterrupt` at any place; in a finaliser or a callback of the database it
    is lost, and training would go on. A second Ctrl-C takes effect at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._interrupted = False
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        if self._may_be_interrupted():
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._may_be_interrupted():
            signal.signal(signal.SIGINT, self._before)
        if kind is None:  # Ctrl-C may have come after the last step
            self._end_if_interrupted()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End training if Ctrl-C was pressed."""
        self._end_if_interrupted()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End validation if Ctrl-C was pressed."""
        self._end_if_interrupted()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._end_if_interrupted()
        self._interrupted = True

    def _end_if_interrupted(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt

    def _may_be_interrupted(self) -> bool:
        """Whether to handle Ctrl-C: in the main thread, unless the shell has it ignored."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        return in_main_thread and self._before != signal.SIG_IGN
