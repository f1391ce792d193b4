"""The one exception that a person is meant to read."""


class RnnbenchError(Exception):
    """Something the user gave cannot be used.

    The message says what was given, what is accepted and what to do. Commands and stages
    print it without a traceback and exit with status 1.
    """
