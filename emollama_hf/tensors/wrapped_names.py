"""Names of tensors that a training program or a library has wrapped: told apart here, and nowhere taken as they are.

A wrapped name is said and not unwrapped: the file is not the one that its authors published, and two wrapped names may
stand for one tensor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Wrapping:
    """What a library adds to names.

    shown: as a person reads it.  pattern: what is to be taken out of a name.  writer: whose it is.
    """

    shown: str
    pattern: str
    writer: str


def _segment(name: str, writer: str) -> Wrapping:
    """A word of its own anywhere in the name."""
    return Wrapping(f"{name}.", rf"(?:^|(?<=\.)){re.escape(name)}\.", writer)


#: All that is known; a name may have several, in any order.
WRAPPINGS = (
    _segment("module", "DistributedDataParallel, DataParallel or DeepSpeed"),
    _segment("_orig_mod", "torch.compile"),
    _segment("_fsdp_wrapped_module", "FullyShardedDataParallel"),
    _segment("_checkpoint_wrapped_module", "activation checkpointing"),
    _segment("_forward_module", "Lightning Fabric"),
    _segment("_module", "Opacus"),
    _segment("state_dict", "a checkpoint that was flattened"),
    _segment("model_state_dict", "a checkpoint that was flattened"),
    _segment("base_layer", "peft"),
    _segment("original_module", "peft"),
    Wrapping("modules_to_save.NAME.", r"(?<=\.)modules_to_save\.\w+\.", "peft"),
    # peft 0.2, which Emotion-LLaMA was trained with, wrote lora_A.weight; the name of the adapter came later.
    Wrapping(".default. (the adapter's name)", r"(?<=\.lora_[AB]\.)\w+\.(?=weight$)", "peft"),
    Wrapping("base_model.model.", r"^base_model\.model\.", "peft"),
)


def unwrapped(name: str) -> str:
    """The name without any wrapping.

    >>> unwrapped("module._orig_mod.blocks.0.attn._orig_mod.qkv.weight")
    'blocks.0.attn.qkv.weight'
    >>> unwrapped("model.layers.0.self_attn.q_proj.lora_A.default.weight")
    'model.layers.0.self_attn.q_proj.lora_A.weight'
    """
    before = ""
    while before != name:
        before = name
        for wrapping in WRAPPINGS:
            name = re.sub(wrapping.pattern, "", name)
    return name


def wrapping_hint(names: Collection[str]) -> str:
    """A sentence that says how names are wrapped, by what, and what to do; empty if none is."""
    counts = Counter(wrapping for name in names for wrapping in _wrappings_of(name))
    if not counts:
        return ""
    found = " and ".join(
        f"{wrapping.shown} of {wrapping.writer} ({count} of {len(names)} names)" for wrapping, count in counts.items()
    )
    first = next(name for name in names if unwrapped(name) != name)
    return (
        f"names are wrapped: {found}. Save the model that is inside, or the same tensors under their plain names "
        f"({unwrapped(first)} instead of {first}), and give that file"
    )


def prefix_hint(expected: Collection[str], found: Iterable[str]) -> str:
    """The same for a beginning that nobody knows, such as a training class's own "net.": names would fit without it."""
    missing = set(expected)
    prefixes: Counter[str] = Counter()
    for name in found:
        words = name.split(".")
        rest = (".".join(words[start:]) for start in range(1, len(words)))
        longest = next((one for one in rest if one in missing), None)
        if longest is not None and name not in missing:
            prefixes[name.removesuffix(longest)] += 1
    if not prefixes:
        return ""
    prefix, count = prefixes.most_common(1)[0]
    if 2 * count < len(missing):
        return ""
    return (
        f"{count} names would fit without their beginning {prefix}: save the same tensors under names without it, "
        "and give that file"
    )


def _wrappings_of(name: str) -> list[Wrapping]:
    used: list[Wrapping] = []
    while True:
        wrapping = next((one for one in WRAPPINGS if re.search(one.pattern, name)), None)
        if wrapping is None:
            return list(dict.fromkeys(used))
        used.append(wrapping)
        name = re.sub(wrapping.pattern, "", name)
