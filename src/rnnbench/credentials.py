"""Removing passwords and tokens from messages and records."""

import re

HIDDEN = "***"
# `user:password@` and `token@` after `://`. A password may hold characters that should have been
# percent-encoded, but digits and a slash after the colon are a port, not a password.
_USER_INFORMATION = re.compile(r"(?<=://)(?:[^\s/@:'\"]*:(?!\d+/)[^\s'\"]*|[^\s/@'\"]+)@")
_QUERY_VALUE = re.compile(
    r"([?&;][\w.%-]*(?:token|passw|pwd|secret|key|sig|credential|auth)[\w.%-]*=)[^\s&;#'\"]+",
    re.IGNORECASE,
)
_SETTING = re.compile(r"(\b\w*(?:password|passwd|secret|token)\s*=\s*)[^\s&;#,'\"]+", re.IGNORECASE)
_HEADER = re.compile(r"(authorization\W{1,4}(?:basic|bearer)\s+)[^\s'\"]+", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """Return a text with the users, passwords and secret parameters in its addresses hidden.

    Parameters
    ----------
    text : str
        An address, or any message that may quote addresses.

    Examples
    --------
    >>> without_credentials("no answer from https://me:word@bench.example/?token=abc&page=2")
    'no answer from https://***@bench.example/?token=***&page=2'
    """
    text = _USER_INFORMATION.sub(f"{HIDDEN}@", text)
    for pattern in (_QUERY_VALUE, _SETTING, _HEADER):
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
