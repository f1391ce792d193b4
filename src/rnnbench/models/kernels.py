"""Which kernel runs each recurrent layer, read from the graph that TensorFlow traces.

Keras chooses the kernel during tracing. A cuDNN operation, a function marked for XLA and a loop
over the steps are then nodes of the graph, each under the name of its layer, as are the functions
in a loop's body.
"""

import re
from collections.abc import Iterable
from typing import Any

import keras

from rnnbench.errors import RnnbenchError
from rnnbench.models.cudnn import loops_of, reason_against_cudnn
from rnnbench.models.fast import reasons_against

CUDNN, XLA_LOOP, GRAPH_LOOP, UNROLLED = "cuDNN", "XLA loop", "graph loop", "unrolled"
XLA_STEP = "XLA step"  # XLA compiles the complete training step
XLA_GATES = "graph loop, XLA gates"


def recurrent_kernels(model: keras.Model) -> dict[str, dict[str, str]]:
    """Return the kernel that computes each recurrent layer during training.

    Parameters
    ----------
    model : keras.Model
        A built model, accelerated or not.

    Returns
    -------
    dict
        For each layer's name its `kernel` and, if a faster kernel exists, the `reason` why it does
        not run. With a back end other than TensorFlow, `kernel` names the back end.
    """
    recurrent = {layer.name: layer for layer in model.layers if loops_of(layer)}
    backend = keras.backend.backend()
    if backend != "tensorflow":
        return {name: {"kernel": f"{backend}'s own"} for name in recurrent}
    from rnnbench.models.fast.training_step import is_compiled

    operations = _traced_operations(model)
    found = {}
    for name, layer in recurrent.items():
        kernel = _kernel(operation for operation in operations if _belongs_to(name, operation))
        if kernel != CUDNN and is_compiled(model):
            kernel = XLA_STEP
        reason = _reason(layer, kernel)
        found[name] = {"kernel": kernel, **({"reason": reason} if reason else {})}
    return found


def require_masks_fit(model: keras.Model, padding: str, view: str) -> None:
    """Refuse masks of padding at the start, which cuDNN would refuse only during training.

    Parameters
    ----------
    model : keras.Model
        A model to be trained on a GPU.
    padding : str
        "pre" or "post": the end of the sequences at which the view pads them.
    view : str
        The view's name, for the error message.

    Raises
    ------
    RnnbenchError
        If a layer that runs in cuDNN gets a mask of sequences padded at the start. On JAX, which
        computes masked layers in its own loop, such masks are accepted.
    """
    masks = any(getattr(layer, "mask_zero", False) for layer in model.layers)
    if padding != "pre" or not masks or keras.backend.backend() == "jax":
        return
    for layer in model.layers:
        if loops_of(layer) and reason_against_cudnn(layer) is None:
            raise RnnbenchError(
                f"{layer.name}: on a GPU this layer runs in cuDNN, which accepts masks only for"
                f" sequences padded at the end; view {view!r} pads at the start: set"
                f" views.{view}.padding to post, or remove mask_zero from the embedding"
            )


def _traced_operations(model: keras.Model) -> list[Any]:
    """Trace a training pass and return the operations of its graph."""
    import tensorflow as tf

    inputs = tf.TensorSpec(model.input_shape, model.inputs[0].dtype)
    traced = tf.function(lambda x: model(x, training=True), autograph=False)
    graph = traced.get_concrete_function(inputs).graph
    return list(graph.get_operations())


def _belongs_to(layer: str, operation: Any) -> bool:
    """Whether an operation belongs to a layer; Keras appends a number to a repeated name."""
    return any(re.fullmatch(rf"{layer}(_\d+)?", part) for part in operation.name.split("/"))


def _kernel(operations: Iterable[Any]) -> str:
    types, loops = set(), []
    for operation in operations:
        if operation.type in ("While", "StatelessWhile"):
            loops.append(operation)
        compiled = operation.type.endswith("PartitionedCall") and _is_compiled(operation)
        types.add("XLA" if compiled else operation.type)
    if any(name.startswith("CudnnRNN") for name in types):
        return CUDNN
    if "XLA" in types:
        return XLA_LOOP
    if not loops:
        return UNROLLED
    return XLA_GATES if any(_compiles_inside(loop) for loop in loops) else GRAPH_LOOP


def _is_compiled(operation: Any) -> bool:
    try:
        return bool(operation.get_attr("_XlaMustCompile"))
    except ValueError:  # the operation has no such attribute
        return False


def _compiles_inside(loop: Any) -> bool:
    """Whether the body of a loop calls a function marked for XLA."""
    body = loop.get_attr("body").name
    functions = loop.graph.as_graph_def().library.function
    nodes = next(each.node_def for each in functions if each.signature.name == body)
    return any(node.attr["_XlaMustCompile"].b for node in nodes)


def _reason(layer: keras.Layer, kernel: str) -> str | None:
    """Return why a faster kernel does not run; None if the kernel is the fastest one."""
    import tensorflow as tf

    if kernel in (CUDNN, XLA_STEP, XLA_LOOP, XLA_GATES):
        return None
    if tf.config.list_physical_devices("GPU"):
        return reason_against_cudnn(layer) or "Keras did not choose cuDNN"
    return next(iter(reasons_against(layer).values()), None)
