"""The report on all suites: one HTML page with embedded figures, and the same as Markdown."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

from rnnbench.comparison.answers import readable_answers, tabulate_answers
from rnnbench.comparison.claims import (
    SMALLEST_P,
    compare_claims,
    readable_comparisons,
    tabulate_verdicts,
    unanimous_claims,
)
from rnnbench.comparison.evidence import (
    ANIMATION_FIGURE,
    BINS,
    CONFUSIONS_FIGURE,
    CURVES_FIGURE,
    FRAMES_FIGURE,
    GRADIENTS_FIGURE,
    HORIZONS_FIGURE,
    LENGTHS_FIGURE,
    RELIABILITY_FIGURE,
    STEPS_FIGURE,
)
from rnnbench.comparison.evidence_figures import FEWEST_ANSWERS
from rnnbench.comparison.findings import Comparison, Finding, main_finding, read_comparisons
from rnnbench.comparison.literature import Literature, SuiteLiterature
from rnnbench.comparison.reproduction import tabulate_reproduction
from rnnbench.comparison.table import main_tables, readable_tables
from rnnbench.figures import BACKGROUND, LINE, TEXT
from rnnbench.files import atomic_folder, write_text
from rnnbench.layout import (
    AGAINST_BASELINES_FILE,
    CALIBRATION_FILE,
    CLAIMS_FILE,
    COMPARISONS_FOLDER,
    CONFUSIONS_FILE,
    FIGURE_FILE,
    LAYERS_FOLDER,
    MARKDOWN_FILE,
    MISTAKES_FILE,
    REPORT_FILE,
    REPORT_FOLDER,
    REPORT_MARKDOWN_FILE,
    REPRODUCTION_FILE,
    STEPS_FILE,
    VERDICTS_FILE,
)
from rnnbench.params import Params
from rnnbench.tables import Column, as_text, to_markdown

AGAINST_COLUMNS = (
    Column("experiment", "experiment"),
    Column("baseline", "baseline"),
    Column("value", "difference [95 % interval]", "+.4f", ("lower", "upper")),
    Column("adjusted_p_value", "p (Holm)", ".2g"),
    Column("verdict", "the experiment is"),
)
CONFUSION_COLUMNS = (
    Column("experiment", "experiment"),
    Column("actual", "actual"),
    Column("predicted", "predicted"),
    Column("count", "count over all seeds", ",d"),
    Column("share", "share of the actual class", ".1%"),
)
MISTAKE_COLUMNS = (
    Column("experiment", "experiment"),
    Column("run", "run"),
    Column("example", "test example", "d"),
    Column("actual", "actual"),
    Column("predicted", "predicted"),
    Column("probability", "probability", ".4f"),
    Column("text", "its last words, as the model reads them"),
)
STEPS_COLUMNS = (
    Column("experiment", "experiment"),
    Column("steps_ahead", "steps ahead", "d"),
    Column("series", "series"),
    Column("mae", "MAE", ".4g"),
    Column("rmse", "RMSE", ".4g"),
    Column("mase", "MASE", ".3f"),
    Column("seasonal_naive_mase", "MASE, seasonal naive", ".3f"),
)
EXPERIMENT = Column("experiment", "experiment")
# Sections of the page on a suite's models: title, text, figure file, table file and the table's
# columns. A suite may lack the figure or the table.
EVIDENCE: tuple[tuple[str, str, str, str, tuple[Column, ...]], ...] = (
    (
        "Learning curves",
        "Means over the seeds of each experiment; bands reach from the lowest to the highest seed.",
        CURVES_FIGURE,
        "",
        (),
    ),
    (
        "Confusion matrices",
        "Shares of each actual class on the test split, over all seeds. With more than four"
        " classes, the colour scale makes rare confusions visible.",
        CONFUSIONS_FIGURE,
        "",
        (),
    ),
    (
        "Most frequent confusions",
        "The five pairs of classes that each experiment takes for each other most often.",
        "",
        CONFUSIONS_FILE,
        CONFUSION_COLUMNS,
    ),
    (
        "Reliability",
        "The confidence is the probability of the predicted class. Below the diagonal, a model's"
        " confidence is higher than its accuracy. ECE is the expected calibration error with"
        f" {BINS} bins: the figure has the mean over the seeds, the table the value of each run. A"
        f" point is the mean over seeds of a bin in which a run has at least {FEWEST_ANSWERS}"
        " answers.",
        RELIABILITY_FIGURE,
        CALIBRATION_FILE,
        (),
    ),
    (
        "From how far back an answer comes",
        "The gradient of the last answer's loss with respect to each step's input, or the embedding"
        " of its word: the mean norm over 64 test examples, as a share of the sum over all steps."
        " On the dashed line every step would have the same share; shares below 1e-8 are drawn"
        " there. In a bidirectional layer the first steps are as close to the answer as the last"
        " ones. A small share means that small changes of that input hardly change the loss, not"
        " that the input was never used.",
        GRADIENTS_FIGURE,
        "",
        (),
    ),
    (
        "Accuracy by length of the text",
        "The length is the number of tokens that the model reads, with the start mark; longer texts"
        " are cut to the length of the last range.",
        LENGTHS_FIGURE,
        "",
        (),
    ),
    (
        "Worst mistakes",
        "The wrong predictions of each experiment with the highest probabilities; each test example"
        " is listed once. A label may itself be wrong. [?] is a word without an id.",
        "",
        MISTAKES_FILE,
        MISTAKE_COLUMNS,
    ),
    (
        "Error by frames ahead",
        "Means over the test split and the seeds, beside those of copying the last frame seen.",
        HORIZONS_FIGURE,
        "",
        (),
    ),
    (
        "Error by steps ahead",
        "Means over the test split and the seeds; in the figure also over all series. MASE is the"
        " mean absolute error divided by that of repeating the value one season before in the"
        " training part.",
        STEPS_FIGURE,
        STEPS_FILE,
        STEPS_COLUMNS,
    ),
)
AGAINST_BASELINES = (
    "Differences from the baselines",
    "The difference of each experiment from each baseline, with its interval and verdict.",
    (AGAINST_BASELINES_FILE,),
)
MOST_SHOWN = 10  # experiments; the page links to the evidence of a larger suite
FRAMES_TEXT = "The first test sequence of the first seed: frames seen, predicted and actual."
ANIMATION_TEXT = (
    "The same sequence as an animation: actual frames to the left; to the right the frames seen,"
    " then those predicted."
)
_IDENTIFIER = re.compile(r' id="([^"]+)"')
_REFERENCE = re.compile(r'( id="|url\(#|href="#)([^")]+)')


@dataclass(frozen=True)
class Picture:
    """A figure of a suite.

    Attributes
    ----------
    path : Path
        The file.
    text : str
        A description for readers who cannot see it.
    markup : Markup
        The figure as a part of a page.
    link : str
        Its path, relative to the report.
    """

    path: Path
    text: str
    markup: Markup
    link: str


@dataclass
class Exhibit:
    """One kind of evidence: a title, a text, and figures and a table, or the links to files."""

    title: str
    text: str
    pictures: list[Picture] = field(default_factory=list)
    table: pd.DataFrame | None = None
    links: list[str] = field(default_factory=list)


def write_report(
    params: Params,
    literature: Literature,
    comparisons: Path = COMPARISONS_FOLDER,
    report: Path = REPORT_FOLDER,
) -> Path:
    """Write the report on every suite.

    Parameters
    ----------
    params : Params
        The names, titles and order of suites and experiments.
    literature : Literature
        The reported results and the claims.
    comparisons, report : Path
        The folder of the comparisons, and the folder for the report.

    Returns
    -------
    Path
        The page, `index.html`, which needs no other file; the evidence of suites with more than
        `MOST_SHOWN` experiments is in files that it links. Beside it, `report.md` has the same
        content with links to the figures in `comparisons/`; `reproduction.csv` has every reported
        number and the measured one, `claims.csv` every comparison of every claim, and
        `verdicts.csv` the verdict on each claim.
    """
    literature = literature.about(params.experiments)
    found = read_comparisons(params, comparisons)
    compared = compare_claims(found, literature)
    verdicts = tabulate_verdicts(compared, literature)
    answers, numbers = tabulate_answers(found), count()
    suites = [
        _suite(comparison, literature.suite(comparison.suite), answers, numbers)
        for comparison in found
    ]
    environment = Environment(
        loader=PackageLoader("rnnbench.comparison"),
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = to_markdown
    shown = {
        "answers": readable_answers(answers) if len(answers) else None,
        "in_short": unanimous_claims(compared, literature),
        "verdicts": verdicts,
        "compared": {name: readable_comparisons(rows) for name, rows in compared.groupby("claim")},
        "suites": suites,
        "layers": _layers(comparisons / LAYERS_FOLDER / MARKDOWN_FILE),
        "data": {view: data for one in found for view, data in one.summary.get("data", {}).items()},
        "machines": _machines(found),
        "missing": [one.name for part in found for one in part.findings if not one.was_run],
    }
    with atomic_folder(report) as folder:
        for name in (REPORT_FILE, REPORT_MARKDOWN_FILE):
            template = environment.get_template(f"report{Path(name).suffix}")
            write_text(folder / name, template.render(shown))
        compared.to_csv(folder / CLAIMS_FILE, index=False)
        verdicts.to_csv(folder / VERDICTS_FILE, index=False)
        reproduction = pd.concat([suite["reproduction"] for suite in suites])
        reproduction.to_csv(folder / REPRODUCTION_FILE, index=False)
    return report / REPORT_FILE


def _suite(
    comparison: Comparison,
    literature: SuiteLiterature,
    answers: pd.DataFrame,
    numbers: Iterator[int],
) -> dict[str, Any]:
    """Return the content of the page on a suite; `numbers` make identifiers of figures unique."""
    large = len(comparison.findings) > MOST_SHOWN
    evidence = _linked_evidence(comparison) if large else _evidence(comparison, numbers)
    finding, own = main_finding(comparison), answers[answers["suite"] == comparison.suite]
    shown = main_tables(comparison.table, comparison.baselines)
    full = readable_tables(comparison.table, baselines=comparison.baselines)
    return {
        "name": comparison.suite,
        "title": comparison.title,
        "literature": literature,
        "main_finding": finding,
        "answers": own.to_dict("records"),
        "figure": _picture(
            comparison.folder / FIGURE_FILE, f"{comparison.title}: {finding}", numbers
        ),
        "main_tables": shown,
        "other_tables": [
            table.drop(columns=list(main.columns[1:]), errors="ignore")
            for table, main in zip(full, shown, strict=True)
        ],
        "power": comparison.summary.get("power", {}),
        "against_baselines": None if large else _against_baselines(comparison),
        "runs": _runs(comparison.findings),
        "processors": comparison.processors,
        "evidence": [*evidence, *_frames(comparison, numbers)],
        "reproduction": tabulate_reproduction(comparison, literature),
        "findings": [one for one in comparison.findings if one.was_run],
    }


def _runs(findings: list[Finding]) -> str:
    """Return the seeds of a suite's experiments, as text."""
    by_seeds: dict[str, list[str]] = {}
    for one in findings:
        seeds = ", ".join(map(str, one.facts.get("seeds", [])))
        if seeds:
            by_seeds.setdefault(seeds, []).append(one.name)
    parts = [
        f"seed{'s' if ',' in seeds else ''} {seeds} of {', '.join(names)}"
        for seeds, names in by_seeds.items()
    ]
    return "; ".join(parts)


def _evidence(comparison: Comparison, numbers: Iterator[int]) -> Iterator[Exhibit]:
    for title, text, figure, file, columns in EVIDENCE:
        picture = _picture(
            comparison.folder / figure, f"{comparison.title}: {title}. {text}", numbers
        )
        table = comparison.folder / file
        shown = pd.read_csv(table) if table.is_file() else None
        if picture or shown is not None:
            if shown is not None:
                shown = as_text(shown, columns) if columns else _errors_by_run(shown)
            yield Exhibit(title, text, [picture] if picture else [], shown)


def _linked_evidence(comparison: Comparison) -> Iterator[Exhibit]:
    files = [(title, text, (figure, file)) for title, text, figure, file, _ in EVIDENCE]
    for title, text, names in [AGAINST_BASELINES, *files]:
        paths = [comparison.folder / name for name in names]
        if links := [_link(path) for path in paths if path.is_file()]:
            yield Exhibit(title, text, links=links)


def _errors_by_run(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the expected calibration errors, one column per run."""
    table = errors.pivot(
        index="experiment", columns="run", values="expected_calibration_error"
    ).reindex(errors["experiment"].unique())
    columns = (EXPERIMENT, *(Column(run, f"ECE, {run}", ".3f") for run in table.columns))
    return as_text(table.reset_index(), columns)


def _frames(comparison: Comparison, numbers: Iterator[int]) -> Iterator[Exhibit]:
    """Yield the frames of each experiment that has some, as a figure and as an animation."""
    for finding in comparison.findings:
        name = finding.name
        pictures = [
            _picture(comparison.folder / f"{name}-{kind}", f"{name}: {text}", numbers)
            for kind, text in ((FRAMES_FIGURE, FRAMES_TEXT), (ANIMATION_FIGURE, ANIMATION_TEXT))
        ]
        drawn = [picture for picture in pictures if picture]
        if drawn:
            text = f"{FRAMES_TEXT} {ANIMATION_TEXT}"
            yield Exhibit(f"Frames of {name}", text, drawn)


def _picture(path: Path, text: str, numbers: Iterator[int]) -> Picture | None:
    if not path.is_file():
        return None
    markup = _inline(path, text, next(numbers)) if path.suffix == ".svg" else _embedded(path, text)
    return Picture(path, text, markup, _link(path))


def _link(path: Path) -> str:
    """Return the path of a suite's file, relative to the report."""
    return f"../{COMPARISONS_FOLDER}/{path.parent.name}/{path.name}"


def _inline(path: Path, text: str, number: int) -> Markup:
    """Return a figure as a part of the page, with the page's colours and unique identifiers."""
    svg = path.read_text(encoding="utf-8").replace("xlink:href", "href")
    # Short, as the page has thousands of references to them.
    names = {old: f"f{number}-{i}" for i, old in enumerate(_IDENTIFIER.findall(svg))}
    svg = _REFERENCE.sub(lambda found: found[1] + names.get(found[2], found[2]), svg)
    for colour, name in ((BACKGROUND, "page"), (TEXT, "text"), (LINE, "line")):
        svg = svg.replace(colour, f"var(--{name})")
    described = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(text)}" ', 1)
    return Markup(described)  # noqa: S704 (drawn by `compare`; the text is escaped)


def _embedded(path: Path, text: str) -> Markup:
    """Return an image as a data URI, so that the page is one file."""
    content = base64.b64encode(path.read_bytes()).decode()
    kind = path.suffix.removeprefix(".")
    source = f"data:image/{kind};base64,{content}"
    return Markup('<img class="{}" src="{}" alt="{}">').format(kind, source, text)


def _against_baselines(comparison: Comparison) -> pd.DataFrame | None:
    """Return every experiment's difference from every baseline; None without baselines."""
    if comparison.against_baselines.empty:
        return None
    titles = comparison.baselines.drop_duplicates("baseline").set_index("baseline")["title"]
    rows = comparison.against_baselines
    shown = rows.assign(
        baseline=rows["baseline"].map(titles),
        adjusted_p_value=rows["adjusted_p_value"].clip(lower=SMALLEST_P),
    )
    return as_text(shown, AGAINST_COLUMNS)


def _layers(path: Path) -> pd.DataFrame | None:
    """Read the layer table from its Markdown; None if its stage was not run."""
    if not path.exists():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    titles, _, *rows = [line.strip("| ").split(" | ") for line in lines]
    return pd.DataFrame(rows, columns=titles)


def _machines(comparisons: list[Comparison]) -> list[dict[str, Any]]:
    """Return the distinct machines and software environments of the runs, with their suites."""
    machines: list[dict[str, Any]] = []
    for comparison in comparisons:
        for environment in comparison.summary.get("environments", []):
            known = [one for one in machines if environment.items() <= one.items()]
            if not known:
                known = [{**environment, "suites": []}]
                machines += known
            known[0]["suites"].append(comparison.suite)
    return machines
