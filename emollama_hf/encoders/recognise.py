"""What a checkpoint is, told by the names and shapes of its tensors: for errors about the wrong file."""

from __future__ import annotations

from emollama_hf.encoders import find_source, weight_sources
from emollama_hf.encoders.weight_source import Shapes
from emollama_hf.tensors.wrapped_names import unwrapped, wrapping_hint


def describe(shapes: Shapes) -> str | None:
    """What a state dict looks like, as a sentence goes on after "this looks like"; None if it looks like nothing.

    Wrapped names count as what they wrap.
    """
    shapes = {unwrapped(name): shape for name, shape in shapes.items()}
    sources = weight_sources()
    kinds = [(source.called, source.marks) for source in sources]
    kinds += [relative for source in sources for relative in source.relatives]
    return next((called for called, marks in kinds if marks(shapes)), None)


def check_looks_like(option: str, shapes: Shapes) -> str:
    """A sentence that says that this is another source's file, or wrapped, or empty if nothing speaks against it."""
    source = find_source(option)
    found, wrapped = describe(shapes), wrapping_hint(shapes)
    if found is None or found == source.called:
        return wrapped
    looks = f"this looks like {found}; {source.flag} wants {source.wanted}"
    return f"{looks}. Its {wrapped}" if wrapped else looks
