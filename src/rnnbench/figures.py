"""Figures as files: small, and the same bytes for the same content."""

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from rnnbench.files import atomic_file

mpl.use("Agg")

DOTS_PER_INCH = 110
COLOURS = 256  # the most that the palette of a PNG has room for


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, the same bytes for the same content, and close it.

    A palette of colours makes the file a third as large; the report embeds hundreds of them.
    """
    drawn = io.BytesIO()
    figure.savefig(
        drawn, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None}
    )
    plt.close(figure)
    image = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    with atomic_file(path) as temporary:
        image.save(temporary, format="png", optimize=True)
