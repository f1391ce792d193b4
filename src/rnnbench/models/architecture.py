"""All layers of a model: those of `params.yaml`, and the output layers of the view's task."""

from collections.abc import Mapping

from rnnbench.data.prepared import Manifest
from rnnbench.errors import RnnbenchError
from rnnbench.models.heads import HEADS
from rnnbench.models.variant import VARIANTS
from rnnbench.models.variants.dense import Dense
from rnnbench.params import Layer


def complete(
    layers: Mapping[str, Layer], manifest: Manifest, from_logits: bool
) -> dict[str, Layer]:
    """Return the layers followed by the task's output layers, numbered consecutively."""
    outputs = HEADS[manifest.task].output_layers(manifest, from_logits)
    dense = [
        Dense.model_validate(
            {"units": output.units}
            | ({} if output.activation == "linear" else {"activation": output.activation})
        )
        for output in outputs
    ]
    return {f"layer_{number}": each for number, each in enumerate([*layers.values(), *dense], 1)}


def returning_sequences(layers: Mapping[str, Layer], manifest: Manifest) -> set[str]:
    """Return the names of the recurrent layers that must return the output of every step."""
    needed, names = HEADS[manifest.task].targets_each_step, set()
    for name, layer in reversed(list(layers.items())):
        variant = VARIANTS[layer.type]
        if variant.recurrent and needed:
            names.add(name)
        needed = (needed or variant.recurrent or variant.needs_steps) and not variant.makes_steps
    return names


def require_layers_fit_inputs(layers: Mapping[str, Layer], view: str, reads_ids: bool) -> None:
    """Refuse a model without a recurrent layer, or with an embedding in the wrong place.

    Parameters
    ----------
    layers : mapping of Layer
        From input to output.
    view : str
        The view's name, for error messages.
    reads_ids : bool
        Whether the view's inputs are token ids.

    Raises
    ------
    RnnbenchError
        If no layer is recurrent, if a model of token ids does not begin with an embedding or has
        another one, or if a model of numbers has one.
    """
    if not any(VARIANTS[layer.type].recurrent for layer in layers.values()):
        known = ", ".join(sorted(name for name, variant in VARIANTS.items() if variant.recurrent))
        raise RnnbenchError(f"the model has no recurrent layer; add one of these: {known}")
    embeddings = [name for name, layer in layers.items() if VARIANTS[layer.type].takes_ids]
    if embeddings and not reads_ids:
        raise RnnbenchError(
            f"{embeddings[0]} is an embedding, which takes token ids; the inputs of view"
            f" {view!r} are numbers: remove {embeddings[0]}"
        )
    if reads_ids and embeddings != [next(iter(layers))]:
        raise RnnbenchError(
            f"the inputs of view {view!r} are token ids, which need one embedding, as the"
            f" first layer; the model has {', '.join(embeddings) or 'none'}"
        )
