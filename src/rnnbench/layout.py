"""Where the pipeline's files are: folders from the repository's root, names within them."""

from pathlib import Path

# fetch
RAW_FOLDER = Path("data/raw")  # / DATASET, and DATASET.origin.json beside it

# prepare
PREPARED_FOLDER = Path("data/prepared")  # / VIEW / fit or test
FIT_FOLDER = "fit"
TEST_FOLDER = "test"
MANIFEST_FILE = "manifest.json"
ORIGIN_FILE = "origin.json"
VOCABULARY_FILE = "vocabulary.json"  # of text; also beside a model

# train
RUNS_FOLDER = Path("runs")  # / SUITE / EXPERIMENT / seed-N
SEED = "seed-"
MODEL_DIGEST = "model_sha256"  # in a run's record
MODEL_FILE = "model.keras"
RECORD_FILE = "run.json"
SYSTEM_METRICS_FILE = "system_metrics.csv"
INPUT_EXAMPLE_FILE = "input_example.npy"
HISTORY_FILE = "history.csv"
TIMING_FILE = "timing.json"

# time
TIMES_FILE = "times.json"  # in results / SUITE / EXPERIMENT

# evaluate
RESULTS_FOLDER = Path("results")  # / SUITE / EXPERIMENT
METRICS_FILE = "metrics.json"
CONFUSION_FILE = "confusion_matrix.csv"
EVALUATION_FOLDER = "evaluation"  # and in it:
SCORES_FILE = "scores.json"
DETAILS_FILE = "details.csv"
FIGURES_FOLDER = "figures"
PREDICTIONS_FOLDER = "predictions"
SHOWN_FOLDER = "shown"  # arrays of a test example, where a task shows one
MISTAKES_FILE = "mistakes.csv"  # of texts
LENGTHS_FILE = "lengths.csv"  # of texts
GRADIENTS_FILE = "gradients.csv"

# baselines
BASELINES_FOLDER = RESULTS_FOLDER / "baselines"  # / VIEW
PREDICTIONS_FILE = "predictions.npz"

# members
MEMBERS_FOLDER = RESULTS_FOLDER / "members"  # / SUITE.json

# compare
COMPARISONS_FOLDER = Path("comparisons")  # / SUITE
TABLE_FILE = "table.csv"
MARKDOWN_FILE = "table.md"
PAIRS_FILE = "pairs.csv"
BASELINES_FILE = "baselines.csv"
AGAINST_BASELINES_FILE = "against_baselines.csv"
CURVES_FILE = "curves.csv"
SUMMARY_FILE = "summary.json"
FIGURE_FILE = "comparison.svg"
CALIBRATION_FILE = "calibration.csv"
CONFUSIONS_FILE = "confusions.csv"
STEPS_FILE = "steps_ahead.csv"

# layers
LAYERS_FOLDER = "layers"  # of the comparisons

# report
REPORT_FOLDER = Path("report")
REPORT_FILE = "index.html"
REPORT_MARKDOWN_FILE = "report.md"
CLAIMS_FILE = "claims.csv"
VERDICTS_FILE = "verdicts.csv"
REPRODUCTION_FILE = "reproduction.csv"

LITERATURE_FILE = Path("literature.yaml")

# Outputs of the pipeline that git tracks; they are not among its sources.
OUTPUTS_IN_GIT = (Path("dvc.lock"), RESULTS_FOLDER, COMPARISONS_FOLDER, REPORT_FOLDER)


def seed_folder(seed: int) -> str:
    """Return the name of the folder, or of the entry, of a run with this seed."""
    return f"{SEED}{seed}"


def seed_of(name: str) -> int:
    """Return the seed of a run whose folder, or file, has this name: 42 of `seed-42.npz`."""
    return int(Path(name).stem.removeprefix(SEED))
