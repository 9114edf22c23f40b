"""Rows that are odd in any way are statuses of their own, and rows beside them are what they are without."""

import io
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from emollama_hf import SampleFrames
from emollama_hf.errors import ERROR_KINDS
from tests import videos

STAGE = SampleFrames(faces="none", peak="middle", on_error="null")
PIXELS = np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)


def _special_files(folder: Path) -> dict[str, Path]:
    """Things with names that are no files to read: opening some of them waits for ever."""
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    os.mkfifo(folder / "pipe.npy")
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    (folder / "dead.mp4").symlink_to(folder / "nothing")
    (folder / "fifo link.mp4").symlink_to(folder / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(folder / "socket.mp4"))
    with zipfile.ZipFile(folder / "archive.mp4", "w") as archive:
        archive.writestr("a.mp4", b"x" * 1000)
    with tarfile.open(folder / "archive.png", "w") as archive:
        archive.addfile(tarfile.TarInfo("a.png"))
    np.savez(folder / "z.npz", frames=PIXELS)
    (folder / "z.npz").rename(folder / "zip.npy")
    np.save(folder / "object.npy", np.array([{}]), allow_pickle=True)
    np.save(folder / "empty.npy", np.zeros((0, 8, 8, 3), np.uint8))
    for name, shape in {"negative": "(-1, 8, 8, 3)", "huge": f"({2**70}, 8, 8, 3)", "true": "(True, 8, 8, 3)"}.items():
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(600)
        (folder / f"{name}.npy").write_bytes(content)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    _special_files(folder)
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(videos.write_video(tmp_path_factory.mktemp("good") / "good.mp4", videos.pan(4, size=(64, 48))))


def _picture(content: bytes) -> list[dict[str, Any]]:
    return [{"bytes": content, "path": None}]


def _zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.png", b"")
    return target.getvalue()


#: Values of either column that no row can be computed from, whatever lies in the folder.
ODD: list[Any] = [
    None, "", " ", "\0", "a\0b.mp4", "x" * 300, "x" * 5000 + ".npy", "/dev/zero", "/dev/stdin", "/proc/self/mem",
    "/", ".", "..", "nothing.mp4", "caf\udce9.mp4", "\udcff.npy", "zip://a.mp4::nothing.zip", "nonsense://a.mp4",
    "file://", "://",
    b"", b"\0", _zipped(), 3, 2.5, True, [], {}, {"path": None, "bytes": None}, {"path": "", "bytes": None},
    {"path": "no", "bytes": None}, [None], [[]], ["\0"], [b""], [_zipped()], ["x" * 300], ["/dev/zero"],
    [{"path": "/dev/zero"}],
    _picture(b""), _picture(_zipped()), _picture(b"GIF89a"), _picture(b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    np.zeros((0, 8, 8, 3), np.uint8), np.zeros((2, 8, 8), np.uint8), np.array(["a"]), np.array([{}], object),
    np.full((1, 8, 8, 3), np.nan), np.zeros((1, 8, 8, 3), complex), range(3), object(),
]  # fmt: skip


def outcomes(column: str, values: list[Any]) -> list[tuple[str, Any]]:
    """Status, and bytes of the crops, of each row."""
    found = STAGE({column: values})
    crops = [None if one is None else np.asarray(one).tobytes() for one in found["facemae_frames"]]
    return list(zip(found["emollama_status"], crops, strict=True))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), column=st.sampled_from(["video", "frames"]))
def test_odd_rows_have_a_status_each_and_good_rows_their_values(
    folder: Path, good: str, data: st.DataObject, column: str
) -> None:
    fine: Any = good if column == "video" else PIXELS
    special = [str(path) for path in folder.iterdir()]
    odd = st.sampled_from([*ODD, *special, *([path] for path in special)]) | st.binary(max_size=40)
    odd |= st.text(max_size=8).map(lambda text: f"{folder}/none/{text}")
    values: list[Any] = data.draw(st.lists(odd, min_size=1, max_size=6))
    places = data.draw(st.lists(st.integers(0, len(values)), min_size=1, max_size=3))
    is_good = [False] * len(values)
    for place in places:
        values.insert(place, fine)
        is_good.insert(place, True)
    expected = outcomes(column, [fine])[0]
    assert expected[0] == "ok"
    for one, was_good in zip(outcomes(column, values), is_good, strict=True):
        if was_good:
            assert one == expected
        else:
            assert one[0] in ERROR_KINDS
            assert one[1] is None


@pytest.mark.parametrize(
    ("column", "make", "kind", "said"),
    [
        ("video", lambda p: str(p / "pipe.mp4"), "missing_file", "this is a pipe"),
        ("video", lambda p: str(p / "fifo link.mp4"), "missing_file", "this is a pipe"),
        ("video", lambda p: str(p / "socket.mp4"), "missing_file", "this is a socket"),
        ("video", lambda p: "/dev/zero", "missing_file", "this is a device"),
        ("video", lambda p: str(p / "folder.mp4"), "not_a_video", "this is a folder"),
        ("video", lambda p: str(p / "loop.mp4"), "missing_file", "symbolic links"),
        ("video", lambda p: str(p / "archive.mp4"), "not_a_video", "finds no video"),
        ("video", lambda p: "x" * 300, "missing_file", "name too long"),
        ("video", lambda p: "", "missing_file", "the path is empty"),
        ("frames", lambda p: "", "missing_file", "the path is empty"),
        ("frames", lambda p: "x" * 300, "missing_file", "name too long"),
        ("frames", lambda p: str(p / "pipe.npy"), "missing_file", "this is a pipe"),
        ("frames", lambda p: [str(p / "pipe.png")], "missing_file", "this is a pipe"),
        ("frames", lambda p: ["x" * 300], "missing_file", "name too long"),
        ("frames", lambda p: [str(p / "archive.png")], "bad_frames", "cannot be read as an image"),
        ("frames", lambda p: [str(p / "folder.mp4")], "not_a_video", "folder"),
        ("frames", lambda p: str(p / "zip.npy"), "bad_frames", "a zip archive"),
        ("frames", lambda p: str(p / "object.npy"), "bad_frames", "objects"),
        ("frames", lambda p: str(p / "negative.npy"), "bad_frames", "negative"),
        ("frames", lambda p: str(p / "huge.npy"), "bad_frames", "too large"),
        ("frames", lambda p: str(p / "true.npy"), "bad_frames", "integer"),
        ("frames", lambda p: str(p / "empty.npy"), "no_frames", "no picture"),
    ],
)
def test_an_odd_row_says_what_it_is(
    folder: Path, column: str, make: Callable[[Path], Any], kind: str, said: str
) -> None:
    found = STAGE({column: [make(folder)]})
    assert found["emollama_status"] == [kind]
    assert said.lower() in found["emollama_error"][0].lower()
    assert "\n" not in found["emollama_error"][0]


def test_an_array_in_fortran_order_is_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(PIXELS))
    assert outcomes("frames", [str(tmp_path / "a.npy")]) == outcomes("frames", [PIXELS])


def test_a_folder_of_pictures_leaves_out_what_is_no_file(tmp_path: Path) -> None:
    for number, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    os.mkfifo(tmp_path / "9.png")
    assert outcomes("frames", [str(tmp_path)]) == outcomes("frames", [PIXELS])
