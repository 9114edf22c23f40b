"""The convolutions of YuNet's ONNX file: weights and biases, in the order in which the network applies them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Convolution = tuple[NDArray[np.float32], NDArray[np.float32]]

# Numbers of fields in onnx.proto, as far as this file has them.
_GRAPH = 7
_NODE, _INITIALIZER = 1, 5
_INPUT, _OPERATION = 1, 4
_SIDE, _TYPE, _NAME, _BYTES = 1, 2, 8, 9
_FLOAT = 1

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # how protobuf writes a field


def convolutions(onnx: bytes) -> list[Convolution]:
    """Weights (out, in, height, width) and biases (out,), float32, of every convolution of a network.

    Args:
        onnx: an ONNX file whose initializers are raw bytes, as PyTorch exports them.

    Raises:
        ValueError: a convolution has no bias, or its numbers are no float32 raw bytes.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    inputs: list[list[str]] = []
    graph = next(value for number, value in _fields(onnx) if number == _GRAPH)
    for number, value in _fields(graph):
        if number == _INITIALIZER:
            arrays |= _float_array(value)
        elif number == _NODE:
            node = list(_fields(value))
            if (_OPERATION, b"Conv") in node:
                inputs.append([bytes(part).decode() for field, part in node if field == _INPUT])
    try:
        return [(arrays[weight], arrays[bias]) for _, weight, bias in inputs]
    except (KeyError, ValueError) as error:
        raise ValueError("the ONNX file has a convolution without float32 weights and biases of its own") from error


def _float_array(tensor: memoryview) -> dict[str, NDArray[np.float32]]:
    """A tensor by its name; nothing for one that is not float32, such as the shape that another step takes."""
    fields = list(_fields(tensor))
    values = dict(fields)
    if values.get(_TYPE) != _FLOAT or _BYTES not in values:
        return {}
    sides = [side for number, side in fields if number == _SIDE]
    return {bytes(values[_NAME]).decode(): np.frombuffer(values[_BYTES], "<f4").astype(np.float32).reshape(sides)}


def _fields(message: bytes | memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value, a number or bytes, of each field of a protobuf message, in order."""
    rest = memoryview(message)
    while rest:
        key, rest = _varint(rest)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, rest = _varint(rest)
            yield number, value
            continue
        if kind == _LENGTH:
            length, rest = _varint(rest)
        else:
            length = {_FOUR_BYTES: 4, _EIGHT_BYTES: 8}[kind]
        yield number, rest[:length]
        rest = rest[length:]


def _varint(data: memoryview) -> tuple[int, memoryview]:
    """A number of seven bits a byte, the lowest first, and what follows it."""
    value = 0
    for position, byte in enumerate(data):
        value |= (byte & 127) << 7 * position
        if byte < 128:
            return value, data[position + 1 :]
    raise ValueError("the ONNX file ends within a number")
