"""One-line descriptions of models, with Keras's names."""

from collections.abc import Mapping

from rnnbench.data.prepared import Manifest
from rnnbench.models.architecture import complete
from rnnbench.params import Layer

# Options whose value is clear without the option's name.
BARE = ("units", "filters", "rate", "activation")


def describe_model(
    layers: Mapping[str, Layer], manifest: Manifest | None = None, from_logits: bool = False
) -> str:
    """Write a model's layers in one line: "Embedding 128 → LSTM 32 → Dense 1 sigmoid".

    Parameters
    ----------
    layers : mapping of Layer
        From `params.yaml`. Options that are absent there have Keras's defaults and are not shown.
    manifest : Manifest, optional
        The view's manifest. With it, the line ends with the output layers.
    from_logits : bool, default False
        Whether the model's outputs are logits, without a sigmoid or softmax.
    """
    if manifest is not None:
        layers = complete(layers, manifest, from_logits)
    return " → ".join(map(_describe, layers.values()))


def _describe(layer: Layer) -> str:
    words, inner = [], []
    for name, value in layer:
        if isinstance(value, Layer):
            inner.append(value)
        elif isinstance(value, Mapping):
            inner += value.values()
        elif name in layer.model_fields_set and name != "type":
            words.append(str(value) if name in BARE else f"{name}={value}")
    wrapped = f"({', '.join(map(_describe, inner))})" if inner else ""
    return " ".join([type(layer).__name__ + wrapped, *words])
