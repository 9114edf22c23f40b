"""What unpickling a checkpoint would cost, read off its opcodes before anything of it is unpickled.

The bounds are those of weights: a tensor of a state dict takes about 30 opcodes and 300 bytes, a parameter with the
state of its optimizer 130 opcodes, and the tensors' values lie outside of the pickle.
"""

from __future__ import annotations

import pickletools
import re
from typing import IO, Any

#: Unpickled, a byte of a pickle may take 60.
MAX_PICKLE_BYTES = 32 * 2**20
#: Of all pickles of a file together: 15,000 tensors. Reading as many takes a second, unpickling them some.
MAX_OPCODES = 500_000
#: Whole numbers beyond 32 bits: as keys of a dict, many of them could be chosen to fall into one slot.
MAX_LONG_NUMBERS = 10_000
#: Python computes the hash of a tuple within tuples by recursion, without a limit of its own.
MAX_TUPLE_DEPTH = 100
#: What weights are stored with, and the containers and options beside them: fewer than torch's reader would call. Of
#: the rest some take any memory (`bytearray`, `torch.FloatTensor`), or any time (`_codecs.encode` to punycode).
_NEEDED = re.compile(
    r"torch\.(?:[a-z]\w*|\w+Storage|Size)|torch\.storage\.\w+Storage|torch\.nn\.parameter\.Parameter"
    r"|torch\._utils\._rebuild_(?:tensor|tensor_v2|tensor_v3|parameter|parameter_with_state"
    r"|sparse_tensor|meta_tensor_no_storage)"  # `weight_values` says what is wrong with these
    r"|torch\.serialization\._get_layout|collections\.(?:OrderedDict|Counter)|argparse\.Namespace"
    r"|(?:builtins|__builtin__)\.(?:set|complex)"
)
_LONG_NUMBERS = frozenset({"LONG1", "LONG4", "LONG", "INT"})
_PUTS = frozenset({"BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"})
_GETS = frozenset({"BINGET", "LONG_BINGET", "GET"})


def _effect(opcode: pickletools.OpcodeInfo) -> tuple[int, bool, bool, bool]:
    """Values that an opcode takes off the stack, whether those down to a mark before, whether it puts one there, and
    whether that is a tuple."""
    before = opcode.stack_before
    to_mark = pickletools.markobject in before
    pops = before.index(pickletools.markobject) if to_mark else len(before)
    return pops, to_mark, bool(opcode.stack_after), opcode.stack_after == [pickletools.pytuple]


_EFFECTS = {opcode.name: _effect(opcode) for opcode in pickletools.opcodes}


class CodeInPickle(Exception):
    """A pickle loads what is neither a tensor nor plain data. Its text is the name."""


class PickleBudget:
    """What the pickles of one file have taken so far of what a checkpoint may take."""

    def __init__(self) -> None:
        self._opcodes = self._long_numbers = 0

    def fault(self, file: IO[bytes], size: int) -> str | None:
        """What is wrong with the pickle at the file's position; None if nothing is.

        Leaves the file at the end of the pickle. A pickle that is damaged is left to the reader, which says so better
        and gets no further than the damage.

        Args:
            file: open for reading.
            size: bytes that the pickle may have at most, where the file goes on behind it.

        Raises:
            CodeInPickle: if it loads anything but what weights are stored with.
        """
        start, size = file.tell(), min(size, MAX_PICKLE_BYTES + 1)
        depths = _TupleDepths()
        try:
            for opcode, argument, _ in pickletools.genops(_Bounded(file, size)):  # type: ignore[arg-type]
                fault = self._fault_of(opcode.name, argument)
                if fault is None and depths.after(opcode.name, argument) > MAX_TUPLE_DEPTH:
                    fault = f"tuples nested deeper than {MAX_TUPLE_DEPTH}"
                if fault is not None:
                    return fault
        except CodeInPickle:
            raise
        except Exception:
            pass  # damaged, as pickletools says in many ways
        if file.tell() - start > MAX_PICKLE_BYTES:
            return f"a pickle of more than {MAX_PICKLE_BYTES:,} bytes"
        return None

    def _fault_of(self, opcode: str, argument: Any) -> str | None:
        self._opcodes += 1
        if self._opcodes > MAX_OPCODES:
            return f"pickles of more than {MAX_OPCODES:,} steps"
        if opcode in _LONG_NUMBERS:
            self._long_numbers += 1
            if self._long_numbers > MAX_LONG_NUMBERS:
                return f"more than {MAX_LONG_NUMBERS:,} whole numbers beyond 32 bits"
        elif opcode == "GLOBAL":  # torch's reader knows no other opcode that loads one
            found = argument.replace(" ", ".")
            if not _NEEDED.fullmatch(found):
                raise CodeInPickle(found)
        return None


class _TupleDepths:
    """How deep tuples lie within tuples, of each value on the stack of a pickle; other containers have no hash."""

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._below: list[list[int]] = []
        self._memo: dict[int, int] = {}

    def after(self, opcode: str, argument: Any) -> int:
        """Do what an opcode does to the stack; returns the depth of its result. IndexError for a damaged pickle."""
        stack = self._stack
        if opcode == "MARK":
            self._below.append(stack)
            self._stack = []
            return 0
        if opcode in _PUTS:
            self._memo[len(self._memo) if argument is None else argument] = stack[-1]
            return 0
        if opcode in _GETS:
            stack.append(self._memo.get(argument, 0))
            return 0
        pops, to_mark, pushes, is_tuple = _EFFECTS[opcode]
        inner = 0
        if to_mark:
            inner = max(stack, default=0)
            stack = self._stack = self._below.pop()
        for _ in range(pops):
            inner = max(inner, stack.pop())
        depth = inner + 1 if is_tuple else 0
        if pushes:
            stack.append(depth)
        return depth


class _Bounded:
    """A file of which at most `size` bytes can be read."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def readline(self) -> bytes:
        line = self._file.readline(self._left)
        self._left -= len(line)
        return line

    def tell(self) -> int:
        return self._file.tell()
