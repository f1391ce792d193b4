"""The exception for errors that a user can correct, and how commands print it."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from rnnbench.credentials import without_credentials

P = ParamSpec("P")
INTERRUPTED = 130


class RnnbenchError(Exception):
    """An input, a setting or the machine does not allow what was asked for.

    The message says what was given, what is accepted and what to do. Credentials in it are hidden,
    because it may quote an address or the output of another program.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_credentials(message))


def reports_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Make a command print errors that a user can correct without a traceback and exit with 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (RnnbenchError, FloatingPointError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted: no partial result was kept", file=sys.stderr)
            sys.exit(INTERRUPTED)

    return guarded
