"""A review as Markdown, for a pull request or a terminal."""

from collections.abc import Collection, Iterable, Sequence

from rnnbench.comparison.results import EVALUATED
from rnnbench.repro.pipeline import kind
from rnnbench.review.cost import Cost
from rnnbench.review.review import Review
from rnnbench.review.scores import ChangedScore, Method, Side
from rnnbench.review.stages import Cause, Kind
from rnnbench.statistics import Verdict
from rnnbench.tables import NOTHING

MOST_ROWS = 40  # of a table; a forge limits the length of a comment
MOST_NAMES = 6
LISTED = 2  # up to this number, the stages of one kind are named
OF_EXPERIMENTS = ("train", "time", "evaluate")
METHODS = {
    Method.PAIRED: "Paired: both sides scored the same test examples, whose differences count.",
    Method.STATED: (
        "Stated standard errors: the predictions of one side or both are not available, or the test"
        " splits differ, so the standard errors in `comparisons/` were added up as if the two were"
        " independent. As a rule that makes the interval too wide."
    ),
}


def as_markdown(review: Review) -> str:
    """Write a review for people."""
    chosen = f", {review.chosen}" if review.chosen else ""
    head = f"Compared with {_code(review.base.short)} ({_code(review.base.subject)}){chosen}."
    sections = (
        ("Parameters", _parameters(review)),
        ("Experiments", _experiments(review)),
        ("What runs again", _stages(review)),
        ("Time", _cost(review.cost, review.run)),
        ("Scores", _scores(review)),
    )
    written = [f"### {title}\n\n{text}" for title, text in sections if text]
    return "\n\n".join(["## What this change does", head, *written]) + "\n"


def _parameters(review: Review) -> str:
    if not review.changes:
        return "No parameter changed."
    rows = [(_code(one.key), _code(one.old), _code(one.new)) for one in review.changes]
    return _table(("parameter", "before", "now"), rows)


def _experiments(review: Review) -> str:
    found = review.experiments
    renamed = [
        f"- renamed: {_code(old)} is now {_code(new)}, with the same suite, view, model and"
        " settings; its stages and folders carry its name, so they run again"
        for new, old in found.renamed.items()
    ]
    listed = [
        f"- {title}: {_names(names)}"
        for title, names in (("added", found.added), ("removed", found.removed))
        if names
    ]
    return "\n".join([*listed, *renamed])


def _stages(review: Review) -> str:
    run, total = review.run, len(review.now)
    parts = []
    if not run:
        parts.append(f"Nothing: all {total} stages are up to date with `dvc.lock`.")
    else:
        trained = _experiments_of(run, ("train",))
        everything = len(review.experiments.names)
        parts.append(
            f"**{len(run)} of {_counted(total, 'stage')} run again, and {len(trained)} of"
            f" {_counted(everything, 'experiment')} are trained again.**"
        )
        parts += [_causes(review), _following(review), _untouched(review)]
    ran = review.ran
    if ran and not review.unreadable:
        parts.append(f"Run in this change, with results in `dvc.lock`: {_by_kind(ran)}.")
    if review.unreadable:
        parts.append(
            "DVC cannot read the pipeline of the base commit, so it is not known which stages were"
            f" out of date there and which ran since: {_code(review.unreadable)}."
        )
    return "\n\n".join(filter(None, parts))


def _causes(review: Review) -> str:
    """Write the causes that make stages out of date, one row for causes of the same stages."""
    affected: dict[str, list[str]] = {}
    for stage in review.now.values():
        for cause in stage.causes:
            old = " (before this change already)" if review.is_old(cause, stage.name) else ""
            affected.setdefault(f"{_cause(cause, review)}{old}", []).append(stage.name)
    causes: dict[tuple[str, ...], list[str]] = {}
    for text, stages in affected.items():
        causes.setdefault(tuple(stages), []).append(text)
    rows = [
        (_listed(texts, "<br>"), _by_kind(stages), _names(_experiments_of(stages)))
        for stages, texts in causes.items()
    ]
    return _table(("why", "stages", "experiments"), rows)


def _cause(cause: Cause, review: Review) -> str:
    if cause.kind == Kind.PARAMETER:
        return f"{_code(cause.name)}: {_code(cause.old)} → {_code(cause.new)}"
    if cause.kind == Kind.SOURCE:
        names = review.files[cause.name]
        within = [name.removeprefix(f"{cause.name}/") for name in names if name != cause.name]
        changed = f"{_code(cause.name)} changed"
        return f"{changed}: {_names(within)}" if within else changed
    if cause.kind == Kind.DATA:
        return f"{_code(cause.name)}, written by {_code(cause.made_by)}, changed"
    if cause.kind == Kind.OUTPUT:
        return f"{_code(cause.name)} is not what the stage wrote"
    if cause.kind == Kind.COMMAND:
        return "the command in `dvc.yaml` changed"
    return "never ran: `dvc.lock` has no entry"


def _following(review: Review) -> str:
    following = [name for name in review.now if name in review.run and not review.now[name].causes]
    if not following:
        return ""
    return (
        f"These follow, because they read outputs of the stages above: {_by_kind(following)}. DVC"
        " skips those whose inputs turn out unchanged, and restores results that its run cache has."
    )


def _untouched(review: Review) -> str:
    touched = _experiments_of(review.run)
    names = [name for name in review.experiments.names if name not in touched]
    stages = _counted(len(review.now) - len(review.run), "stage")
    if not names:
        return f"Not run again: {stages}. Some stage of every experiment runs again."
    untouched = _counted(len(names), "experiment")
    return f"Not run again: {stages}, including all stages of {untouched}: {_names(names)}."


def _cost(cost: Cost, run: Collection[str]) -> str:
    if not run:
        return ""
    sentences = []
    trained = len(_experiments_of(run, ("train",)))
    if trained > len(cost.untimed):
        machine = f" on {cost.machine}" if cost.machine else ""
        sentences.append(
            f"According to earlier runs{machine}, training takes"
            f" {_minutes(cost.training_seconds)}, one experiment after another."
        )
    if cost.untimed:
        sentences.append(
            "No earlier run of the same view, model and batch size was timed for"
            f" {_counted(len(cost.untimed), 'experiment')}: {_names(cost.untimed)}."
        )
    if cost.other_seconds is not None:
        sentences.append(
            f"The other stages take {_minutes(cost.other_seconds)}, according to earlier runs in"
            " this checkout."
        )
    if cost.unrecorded:
        sentences.append(
            f"How long {_counted(cost.unrecorded, 'other stage')} would take is not known here."
        )
    return " ".join(sentences)


def _scores(review: Review) -> str:
    parts = []
    if review.scores:
        parts += [_summary(review), _score_table(review), *_score_notes(review)]
    else:
        parts.append("No score changed.")
    if review.same_scores:
        parts.append(f"Equal on both sides: {_counted(len(review.same_scores), 'score')}.")
    if review.without_scores:
        count = _counted(len(review.without_scores), "experiment")
        parts.append(
            f"Without results on one side or both: {count}: {_names(review.without_scores)}."
        )
    return "\n\n".join(parts)


def _summary(review: Review) -> str:
    verdicts = [one.verdict for one in review.scores]
    counts = [f"{verdicts.count(verdict)} {verdict.value}" for verdict in Verdict]
    without = verdicts.count(None)
    counts += [f"{without} without a verdict"] if without else []
    return f"Of {_counted(len(verdicts), 'changed score')}: {', '.join(counts)}."


def _score_table(review: Review) -> str:
    rows = [
        (
            _code(one.name),
            one.new.score.title,
            _value(one.old),
            _value(one.new),
            _difference(one),
            _verdict(one, review.margin),
            _seeds(one),
            f"{one.method.value}: {one.difference.basis}" if one.difference else NOTHING,
        )
        for one in sorted(review.scores, key=_urgency)
    ]
    head = ("experiment", "score", "before", "now", "difference", "verdict")
    return _table((*head, "seeds that would decide", "compared by: covers"), rows)


def _urgency(one: ChangedScore) -> int:
    """Return the sort key of a score: worse ones come first, so that none of them is cut off."""
    order = (Verdict.BETTER, Verdict.UNDECIDED, None, Verdict.PRACTICALLY_EQUAL)
    return -1 if one.is_worse else order.index(one.verdict)


def _score_notes(review: Review) -> list[str]:
    used = dict.fromkeys(one.method for one in review.scores)
    judged = sum(one.difference is not None for one in review.scores)
    notes = []
    if judged:
        notes.append(
            "Brackets hold 95 % intervals. A difference is positive where the score is better now;"
            f" verdicts allow for {_counted(judged, 'comparison')} (Holm), at a margin of"
            f" {review.margin:g}."
        )
    notes += [text for method, text in METHODS.items() if method in used]
    stale = [one.name for one in review.scores if f"evaluate@{one.name}" in review.run]
    if stale:
        notes.append(f"These scores are out of date, so their stages run again: {_names(stale)}.")
    return notes


def _value(side: Side) -> str:
    if not side.metrics:
        return "every seed diverged"
    ends = f" [{', '.join(_number(end) for end in side.ends)}]" if side.ends else ""
    status = side.row.get("status", EVALUATED)
    return f"{_number(side.value)}{ends}{'' if status == EVALUATED else f' ({status})'}"


def _difference(one: ChangedScore) -> str:
    if one.difference is None:
        return NOTHING
    value, lower, upper = (
        f"{number:+#.3g}"
        for number in (one.difference.value, one.difference.lower, one.difference.upper)
    )
    return f"{value} [{lower}, {upper}]"


def _verdict(one: ChangedScore, margin: float) -> str:
    if one.verdict is None:
        return f"no verdict: {one.reason}"
    assert one.difference
    decided = one.verdict in (Verdict.BETTER, Verdict.WORSE)
    small = decided and abs(one.difference.value) < margin
    text = f"**{one.verdict.value}**" if decided else one.verdict.value
    return f"{text}, by less than the margin" if small else text


def _seeds(one: ChangedScore) -> str:
    if one.verdict != Verdict.UNDECIDED:
        return NOTHING
    if one.seeds_needed:
        return f"about {one.seeds_needed}"
    single = min(one.old.seeds or 1, one.new.seeds or 1) == 1
    return "not known from one seed" if single else "more seeds alone would not"


def _number(value: float) -> str:
    return f"{value:#.4g}"


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"about {_counted(minutes, 'minute')}" if minutes else "less than a minute"


def _by_kind(stages: Iterable[str]) -> str:
    """Write the number of stages of each kind, or their names if there are one or two."""
    kinds: dict[str, list[str]] = {}
    for stage in stages:
        kinds.setdefault(kind(stage), []).append(stage)
    return ", ".join(
        f"{len(names)} of {_code(name)}" if len(names) > LISTED else ", ".join(map(_code, names))
        for name, names in kinds.items()
    )


def _experiments_of(stages: Iterable[str], kinds: Collection[str] = OF_EXPERIMENTS) -> list[str]:
    """Return the experiments that have stages of some kinds among these."""
    names = (stage.partition("@")[2] for stage in stages if kind(stage) in kinds)
    return sorted(dict.fromkeys(names))


def _names(names: Sequence[str]) -> str:
    return _listed([_code(name) for name in names], ", ") or NOTHING


def _listed(texts: Sequence[str], separator: str) -> str:
    """Write the first texts, and the number of the others."""
    more = len(texts) - MOST_NAMES
    if more <= 1:
        return separator.join(texts)
    return f"{separator.join(texts[:MOST_NAMES])} and {more} more"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    more = len(rows) - MOST_ROWS
    lines = [head, ["---"] * len(head), *rows[:MOST_ROWS]]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\n{_counted(more, 'further row')} not shown." if more > 0 else table


def _code(text: str) -> str:
    """Write untrusted text as code in one cell, so that it is no markup, link or mention."""
    shown = " ".join(text.replace("`", "'").split())
    return f"`{shown.replace('|', chr(92) + '|')}`"
