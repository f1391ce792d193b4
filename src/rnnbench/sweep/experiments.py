"""The combinations of a sweep as experiments of DVC: in copies of the repository, and as refs."""

import io
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dumps_yaml, load_yaml

from rnnbench.commands import DVC, git, output_of
from rnnbench.errors import RnnbenchError
from rnnbench.files import temporary_folder, text_digest, write_json, write_table, write_text
from rnnbench.history import KEPT, kept_epochs
from rnnbench.layout import HISTORY_FILE, METRICS_FILE, RESULTS_FOLDER
from rnnbench.params import PARAMS_FILE, Experiment
from rnnbench.sweep.combinations import Combination
from rnnbench.tracking.identity import WITHOUT_OUTPUTS

# From the repository's root; a folder in it has the name of the sweep.
SWEEPS_FOLDER = Path("sweeps")
SEEDS_FILE = "seeds.csv"
MEANS_FILE = "validation.json"
# DVC has its own temporary copies in the folder above. Runs in a copy are logged into the MLflow
# store of the repository.
COPIES = Path(".dvc/tmp/exps/sweep")
MARK = "rnnbench-sweep"
LOCK_FILE = "dvc.lock"
# Settings of git that a copy takes over, each with its value if the repository does not set it: the
# author of commits, and the address that runs record for the repository.
SETTINGS = {
    "user.name": "rnnbench",
    "user.email": "rnnbench@localhost",
    "remote.origin.url": "none",
}


@dataclass(frozen=True)
class Saved:
    """A combination that is saved as an experiment of DVC.

    Attributes
    ----------
    name : str
        The name of the experiment.
    commit : str
        Its commit.
    tested : bool
        Whether it was scored on the test split.
    """

    name: str
    commit: str
    tested: bool


class State:
    """The repository at the start of a sweep: the present commit and changes of tracked files.

    Parameters
    ----------
    root : Path
        The repository of DVC, in a repository of git.
    sweep : str
        The sweep's name.
    """

    def __init__(self, root: Path, sweep: str) -> None:
        self.root = root
        self.sweep = sweep
        self.head = git(root, "rev-parse", "HEAD").strip()
        self._prefix = git(root, "rev-parse", "--show-prefix").strip()
        self._changes = text_digest(git(root, "diff", "HEAD", "--", ".", *WITHOUT_OUTPUTS))
        self._ref = f"refs/rnnbench/sweep/{sweep}"
        self._experiments = f"refs/exps/{self.head[:2]}/{self.head[2:]}"
        snapshot = git(root, "stash", "create").strip() or self.head
        git(root, "update-ref", self._ref, snapshot)

    def close(self) -> None:
        """Remove the reference from which copies are made."""
        git(self.root, "update-ref", "-d", self._ref)

    def key(self, combination: Combination, experiments: Sequence[str]) -> str:
        """Return a digest of the combination, the experiments and the changes of tracked files."""
        return text_digest("\n".join([self._changes, *combination.overrides, *experiments]))

    def saved(self) -> dict[str, Saved]:
        """Return the saved combinations of the sweep on the present commit, by key."""
        form = "--format=%(refname:lstrip=4)%09%(objectname)%09%(contents:body)%00"
        listed = git(self.root, "for-each-ref", form, self._experiments)
        found: dict[str, Saved] = {}
        for entry in filter(str.strip, listed.split("\0")):
            name, commit, body = entry.strip("\n").split("\t", maxsplit=2)
            marked = re.search(rf"^{MARK}: (\S+) (\w+)$", body, re.MULTILINE)
            if marked and re.fullmatch(rf"{self.sweep}-\d+(\..+)?", name):
                found[marked[1]] = Saved(name, commit, marked[2] == "tested")
        return found

    def free_names(self) -> Iterator[str]:
        """Return the names SWEEP-1, SWEEP-2, … that no experiment on the present commit has.

        SWEEP-1.epochs-2 has the name SWEEP-1, too.
        """
        listed = git(self.root, "for-each-ref", "--format=%(refname:lstrip=4)", self._experiments)
        taken = {name.partition(".")[0] for name in listed.split()}
        names = (f"{self.sweep}-{number}" for number in itertools.count(1))
        return (name for name in names if name not in taken)

    @contextmanager
    def copy(self, name: str, combination: Combination, saved: Saved | None) -> Iterator["Copy"]:
        """Make a copy of the repository with the values of a combination, and remove it at the end.

        Parameters
        ----------
        name : str
            The name of the experiment that the copy becomes.
        combination : Combination
            Its values.
        saved : Saved or None
            The experiment if it is saved already; the copy then continues from its commit.
        """
        with temporary_folder(self.root / COPIES) as folder:
            top = git(self.root, "rev-parse", "--show-toplevel").strip()
            git(self.root, "clone", "--quiet", "--no-tags", "--no-checkout", top, str(folder))
            git(folder, "update-ref", "--no-deref", "HEAD", self.head)
            source = f"{self._experiments}/{name}" if saved else self._ref
            git(folder, "fetch", "--quiet", "--no-tags", top, source)
            git(folder, "read-tree", "--reset", "-u", "FETCH_HEAD")
            for setting, otherwise in SETTINGS.items():
                git(folder, "config", setting, _setting(self.root, setting) or otherwise)
            copy = Copy(self, folder, folder / self._prefix, name, combination)
            copy.configure()
            if saved is None:
                apply_overrides(copy.root / PARAMS_FILE, list(combination.overrides))
            yield copy

    def take(self, copy: "Copy") -> str:
        """Fetch the experiment that was saved in a copy; return its commit."""
        ref = f"{self._experiments}/{copy.name}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head")
        git(self.root, "fetch", *options, str(copy.clone), f"+HEAD:{ref}")
        return git(self.root, "rev-parse", ref).strip()


@dataclass(frozen=True)
class Copy:
    """A copy of the repository in which a combination runs.

    Attributes
    ----------
    state : State
        The repository.
    clone : Path
        The root of the copy, a git clone.
    root : Path
        The folder of the project in it.
    name : str
        The name of the experiment that the copy becomes.
    combination : Combination
        Its values.
    """

    state: State
    clone: Path
    root: Path
    name: str
    combination: Combination

    def configure(self) -> None:
        """Share the repository's cache; files of the cache are linked where that is possible."""
        with Repo(str(self.state.root)) as repo:
            cache, own = repo.cache.local_cache_dir, repo.config.load_one("local")
        with Repo(str(self.root)) as repo, repo.config.edit("local") as settings:
            for section, values in own.items():
                settings.setdefault(section, {}).update(values)
            settings["cache"].update(dir=cache, type="reflink,hardlink,copy")

    def check_out(self, stages: Sequence[str]) -> None:
        """Check out the cached outputs of stages and of the stages that these depend on.

        A stage whose outputs are not in the cache is out of date afterwards, and runs.
        """
        options = ("--quiet", "--force", "--allow-missing", "--with-deps")
        output_of([*DVC, "checkout", *options, *stages], self.root)

    def save(self, experiments: Sequence[Experiment], key: str, *, tested: bool) -> str:
        """Save the copy as an experiment of DVC in the repository; return its commit.

        An experiment is a commit under `refs/exps` whose parent is the commit that the sweep
        started from. `dvc exp save` makes the same commit and adds its own arguments as a file.
        """
        folder = SWEEPS_FOLDER / self.state.sweep
        scores = pd.concat([self._validation(one) for one in experiments])
        write_table(self.root / folder / SEEDS_FILE, scores)
        means = scores.dropna(axis="columns", how="all").groupby("experiment", sort=False).mean()
        shown = means.drop(columns=["seed", "epoch"]).to_dict("index")
        # JSON has no number for the metrics of a training that diverged.
        finite = {
            name: {metric: value for metric, value in row.items() if math.isfinite(value)}
            for name, row in shown.items()
        }
        write_json(self.root / folder / MEANS_FILE, finite)
        write_text(self.root / folder / "dvc.yaml", dumps_yaml({"metrics": [MEANS_FILE]}))
        self._remove_outdated_scores(experiments)
        kind = "tested" if tested else "trained"
        message = f"{self.name}: {self.combination}\n\n{MARK}: {key} {kind}"
        made = [path for one in experiments if (self.root / (path := _metrics(one))).exists()]
        git(self.root, "add", "--update", ":/")
        git(self.root, "add", "--force", "--", LOCK_FILE, str(folder), *map(str, made))
        git(self.root, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", message)
        return self.state.take(self)

    def _validation(self, experiment: Experiment) -> pd.DataFrame:
        """Return the metrics of each seed at the epoch that is kept."""
        results = RESULTS_FOLDER / experiment.suite / experiment.name
        history = pd.read_csv(self.root / results / HISTORY_FILE)
        kept = kept_epochs(history).drop(columns=KEPT, errors="ignore")
        return kept.assign(experiment=experiment.name)[["experiment", *kept.columns]]

    def _remove_outdated_scores(self, experiments: Sequence[Experiment]) -> None:
        """Remove test scores of earlier models, which `dvc exp show` would list for this one."""
        recorded = load_yaml(self.root / LOCK_FILE)["stages"]
        for one in experiments:
            trained = recorded[f"train@{one.name}"]["outs"]
            scored = recorded.get(f"evaluate@{one.name}", {}).get("deps", [])
            if not {_hash(part) for part in trained} & {_hash(part) for part in scored}:
                (self.root / _metrics(one)).unlink(missing_ok=True)


def read_seeds(root: Path, sweep: str, commit: str) -> pd.DataFrame:
    """Read the validation metrics of each experiment and seed of a saved combination."""
    path = (SWEEPS_FOLDER / sweep / SEEDS_FILE).as_posix()
    return pd.read_csv(io.StringIO(git(root, "show", f"{commit}:./{path}")))


def _metrics(experiment: Experiment) -> Path:
    return RESULTS_FOLDER / experiment.suite / experiment.name / METRICS_FILE


def _hash(part: Mapping[str, str]) -> tuple[str, str]:
    return part["path"], part["md5"]


def _setting(root: Path, name: str) -> str:
    try:
        return git(root, "config", "--get", name).strip()
    except RnnbenchError:  # it is not set
        return ""
