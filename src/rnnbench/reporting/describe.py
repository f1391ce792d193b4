"""Models in one line, in Keras's names."""

from collections.abc import Iterable, Mapping

from rnnbench.params import AnyLayer, Section, StackedRNNCells


def describe_model(model: Mapping[str, AnyLayer]) -> str:
    """Write a model's layers in one line: "Embedding 128 → LSTM 32 → Dense 1 sigmoid".

    Options that are Keras's defaults are not in `params.yaml` and so not in the line.
    """
    return " → ".join(map(_describe, model.values()))


def _describe(part: Section) -> str:
    words = [type(part).__name__ + _inside(part)]
    for name, value in part:
        if name == "type" or value is None or isinstance(value, Section | dict):
            continue
        if name == "return_sequences":
            words.append("sequences")
        elif isinstance(value, bool) or name in ("kernel_size", "padding", "merge_mode"):
            words.append(f"{name}={value}")
        else:
            words.append(str(value))
    return " ".join(words)


def _inside(part: Section) -> str:
    """Return what a wrapper, a loop or a stack of cells holds, in brackets."""
    held: Iterable[Section]
    if isinstance(part, StackedRNNCells):
        held = part.cells.values()
    else:
        held = [value for _, value in part if isinstance(value, Section)]
    inner = ", ".join(map(_describe, held))
    return f"({inner})" if inner else ""
