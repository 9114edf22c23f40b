"""The repeated layers of a network of any architecture."""

from __future__ import annotations

from torch import nn


def repeated_layers(model: nn.Module) -> list[nn.Module]:
    """The layers of the lists that hold most of the parameters, in order.

    Args:
        model: of timm or transformers, whose blocks stand in `ModuleList` or `Sequential`.

    Returns:
        Blocks of a transformer, or of all stages of a convolutional network; the model itself if it has no list.
    """
    kinds: dict[type, list[nn.Module]] = {}
    for holder in model.modules():
        if isinstance(holder, nn.ModuleList | nn.Sequential):
            for layer in holder.children():
                if not isinstance(layer, nn.ModuleList | nn.Sequential):
                    kinds.setdefault(type(layer), []).append(layer)
    sizes = {kind: sum(one.numel() for layer in some for one in layer.parameters()) for kind, some in kinds.items()}
    if not any(sizes.values()):
        return [model]
    # Of two kinds within each other, such as stages and their blocks, the smaller ones, which repeat.
    largest = max(sizes.values())
    found = [kind for kind, size in sizes.items() if size >= 0.5 * largest]
    return kinds[max(found, key=lambda kind: len(kinds[kind]))]
