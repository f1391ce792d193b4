"""Figures as files: one style, small files, and the same bytes for the same content."""

import hashlib
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from rnnbench.files import atomic_file

mpl.use("Agg")

DOTS_PER_INCH = 110
COLOURS = 256  # the largest palette of a PNG
BACKGROUND, TEXT, LINE = "#ffffff", "#1b1f24", "#d0d7de"
# Distinguishable with every kind of colour blindness, and visible on light and dark backgrounds:
# Okabe & Ito 2008, with a darker orange and sky blue. Each has a marker, for print without colour.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#3b9bd6", "#7f7f7f")
MARKERS = "osD^vPX"
DASHES = ((0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), (0, (1, 2)), (0, (9, 3)))
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.titlesize": 11,
    "figure.facecolor": BACKGROUND,
    "axes.facecolor": "none",
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.edgecolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=SERIES),
    "lines.linewidth": 1.5,
    # Text stays text, without embedded fonts; a browser draws it with its own. The layout is made
    # with DejaVu Sans, which is wider than the fonts of browsers.
    "svg.fonttype": "none",
    "svg.hashsalt": "rnnbench",
}
mpl.rcParams.update(STYLE)

SVG_FONTS = "'DejaVu Sans', Verdana, 'Segoe UI', Roboto, Arial, sans-serif"
# Markup that matplotlib writes and a browser does not need, with its replacement.
SUPERFLUOUS = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"<metadata>.*?</metadata>|<!--.*?-->|<!DOCTYPE.*?>|<\?xml.*?\?>", ""),
        (r"\s+", " "),
        (r"(?<=[>\"]) (?=[</>])|(?<=>) (?=<)", ""),
        (r" ?font-family: [^;\"]*;", ""),
        (r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px"),
        (r' transform="rotate\(-0 [^)]*\)"', ""),
        (r'<g id="[a-zA-Z.]+2?d?_\d+"', "<g"),
        (r' id="image[0-9a-f]+"', ""),
        (r"; (stroke-)?(linejoin|linecap): (miter|square|round|butt)", ""),
        # Twice, for groups of one element within groups.
        *2 * ((r"<g>(<(?:use|text|path)[^<>]*/>|<text[^<>]*>[^<>]*</text>)</g>", r"\1"),),
        (r"<g/>", ""),
    )
)
TAG, DECIMALS = re.compile("<[^>]*>"), re.compile(r"(?<=\d)(\.\d)\d+")
OUTLINE, COMMAND = re.compile(' d="([^"]*)"'), re.compile(" ?([A-Za-z]) ?")
INLINE_STYLE = re.compile(' style="([^"]*)"')
FEWEST_USES = 3  # of a style, for it to become a class


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PNG, by the suffix, and close it.

    Equal content gives equal bytes. Colours of a PNG come from a palette, which makes the file a
    third as large.
    """
    drawn = io.BytesIO()
    kind = path.suffix.removeprefix(".")
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    figure.savefig(drawn, format=kind, dpi=DOTS_PER_INCH, bbox_inches="tight", metadata=metadata)
    plt.close(figure)
    with atomic_file(path) as temporary:
        if kind == "svg":
            temporary.write_text(_compact(drawn.getvalue().decode()), encoding="utf-8")
        else:
            image = Image.open(drawn).convert("RGB")
            palette = image.quantize(COLOURS, dither=Image.Dither.NONE)
            palette.save(temporary, format="png", optimize=True)


def _compact(svg: str) -> str:
    """Return an SVG without superfluous markup, its coordinates in tenths of a point."""
    for pattern, replacement in SUPERFLUOUS:
        svg = pattern.sub(replacement, svg)
    svg = TAG.sub(lambda tag: DECIMALS.sub(r"\1", tag[0]), svg)
    svg = OUTLINE.sub(_compact_outline, svg)
    svg = _with_classes(svg)
    return svg.replace("<svg ", f'<svg font-family="{SVG_FONTS}" ', 1).strip() + "\n"


def _compact_outline(path: re.Match[str]) -> str:
    commands = COMMAND.sub(r"\1", path[1].strip())
    return f' d="{commands}"'


def _with_classes(svg: str) -> str:
    """Return an SVG with a class for each style that several elements share.

    The name of a class is a digest of its style, so that figures on one page do not change each
    other.
    """
    uses = Counter(INLINE_STYLE.findall(svg))
    names = {
        style: f"s{hashlib.sha256(style.encode()).hexdigest()[:6]}"
        for style, number in uses.items()
        if number >= FEWEST_USES
    }
    rules = "".join(f".{name}{{{style}}}" for style, name in names.items())
    svg = INLINE_STYLE.sub(
        lambda found: f' class="{names[found[1]]}"' if found[1] in names else found[0], svg
    )
    return svg.replace("</style>", f"{rules}</style>", 1)
