"""How many digits a model recognises on simulated photographs of training digits on shaded paper.

Writes `benchmarks/results/photographs.csv`, to which `docs/predict.md` links.

Run after `dvc repro train@mnist-gru` or `dvc pull train@mnist-gru`; the test split is not opened.
"""

import io
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageFilter

from results import write_csv
from rnnbench.data.digits import read_digits
from rnnbench.layout import FIT_FOLDER, PREPARED_FOLDER, RUNS_FOLDER

COUNT = 200
SEED = 1
ROWS, COLUMNS = 480, 640
RUN = RUNS_FOLDER / "digit-rows" / "mnist-gru" / "seed-42"

Pixels = npt.NDArray[np.float64]


def photograph(digit: npt.NDArray[np.uint8], generator: np.random.Generator) -> Image.Image:
    """Simulate a photograph of a digit of 28 x 28 pixels, on grey paper partly in shadow."""
    paper = generator.uniform(110, 230) * _light(generator)
    side = int(generator.integers(140, 400))
    strokes = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    row = int(generator.integers(0, ROWS - side))
    column = int(generator.integers(0, COLUMNS - side))
    ink = np.zeros((ROWS, COLUMNS))
    ink[row : row + side, column : column + side] = np.asarray(strokes) / 255.0
    shades = paper * (1.0 - generator.uniform(0.45, 0.9) * ink)
    shades += generator.normal(0.0, generator.uniform(1, 5), shades.shape)
    image = Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(generator.uniform(0.3, 1.5)))


def _light(generator: np.random.Generator) -> Pixels:
    """Return the share of light on each pixel: a gradient and the edge of a shadow."""
    rows, columns = np.mgrid[-0.5 : 0.5 : ROWS * 1j, -0.5 : 0.5 : COLUMNS * 1j]
    gradient, edge = generator.uniform(-0.4, 0.4, 2), generator.uniform(0, 2 * np.pi)
    across = rows * np.sin(edge) + columns * np.cos(edge) - generator.uniform(-0.3, 0.3)
    shadow = 1.0 / (1.0 + np.exp(-across / generator.uniform(0.005, 0.1)))
    light = 1.0 + gradient[0] * rows + gradient[1] * columns
    return np.asarray(light * (1.0 - generator.uniform(0.2, 0.6) * shadow))


def main() -> None:
    """Write how many digits the model recognises on photographs, and in the files of MNIST."""
    from rnnbench.evaluation.trained import load_trained

    generator = np.random.default_rng(SEED)
    fit = PREPARED_FOLDER / "mnist-rows" / FIT_FOLDER
    inputs, labels = (
        np.load(fit / f"train_{name}.npy", mmap_mode="r") for name in ("inputs", "targets")
    )
    chosen = generator.choice(len(inputs), COUNT, replace=False)
    with tempfile.TemporaryDirectory() as folder:
        read = [_read(photograph(inputs[one], generator), Path(folder)) for one in chosen]
    model = load_trained(RUN)
    table = []
    for name, images in (("photographs", np.concatenate(read)), ("MNIST's files", inputs[chosen])):
        right = (model.predict_all(np.asarray(images)).argmax(axis=1) == labels[chosen]).sum()
        table.append({"images": name, "read": right, "of": COUNT})
    write_csv("photographs", pd.DataFrame(table))


def _read(image: Image.Image, folder: Path) -> npt.NDArray[np.uint8]:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    path = folder / "photograph.jpg"
    path.write_bytes(stream.getvalue())
    return read_digits(path)


if __name__ == "__main__":
    main()
