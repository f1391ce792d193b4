"""Normalising text from editors, browsers and spreadsheets to the form of the data sets' texts.

The data sets have straight apostrophes and plain letters. A word with a curly apostrophe would
differ from the same word in the vocabulary, and no model would know it.
"""

import html
import re
import unicodedata

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
# Only in lower case: `<A>` is a company in a newswire. `<br>` is part of IMDB's reviews.
_TAG = re.compile(
    r"</?(?:a|abbr|article|b|big|blockquote|body|center|cite|code|div|em|font|h[1-6]|hr|html|i|img"
    r"|li|ol|p|pre|q|s|section|small|span|strong|sub|sup|table|tbody|td|th|tr|tt|u|ul)"
    r"(?:\s[^<>]{0,1000})?/?>"
)
_APOSTROPHES = "\u2018\u2019\u201a\u201b\u02bc\u02b9\u2032\u00b4\uff07"
_WITHIN_A_WORD = re.compile(rf"(?<=\w)[{_APOSTROPHES}](?=\w)")
_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u2033\u301d\u301e\uff02"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
# Letters and marks of Windows-1252 in a text that was decoded as ISO 8859-1.
_WINDOWS = {code: bytes([code]).decode("cp1252", errors="replace") for code in range(0x80, 0xA0)}
_MARKS = str.maketrans(
    dict.fromkeys(_APOSTROPHES, " ")
    | dict.fromkeys(_QUOTES, '"')
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_INVISIBLE, "")
)


def without_html(text: str) -> str:
    """Replace HTML entities by their characters, and tags other than `<br />` by a space."""
    text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    return _TAG.sub(" ", text)


def plain_letters(text: str) -> str:
    """Replace typographic letters, marks and spaces by plain ones.

    - Apostrophes within a word become straight, and other single quotation marks become a space;
      double quotation marks and dashes become those of ASCII.
    - Every space, line end and control character becomes a space; invisible marks, such as soft
      hyphens, are removed.
    - Letters are composed, and ligatures and wide letters become plain ones (Unicode's NFKC).

    ASCII text without control characters is returned unchanged.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _WITHIN_A_WORD.sub("'", text.translate(_WINDOWS)).translate(_MARKS)
    text = unicodedata.normalize("NFKC", text)
    return "".join(" " if _is_space(letter) else letter for letter in text)


def _is_space(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) == "Cc"
