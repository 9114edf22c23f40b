import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_pictures
from emollama_hf.frames.pictures.pictures import natural_key


def read(frames, **options):
    with open_pictures(frames, **options) as clip:
        return [pixels for _, pixels in clip.frames(range(clip.info.frame_count))]


def error_of(frames, **options) -> ClipError:
    with pytest.raises(ClipError) as caught:
        read(frames, **options)
    return caught.value


@pytest.fixture
def stack():
    return np.random.default_rng(0).integers(0, 256, (5, 12, 10, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, stack):
    for number, pixels in zip((1, 2, 9, 10, 100), stack, strict=True):
        Image.fromarray(pixels).save(tmp_path / f"frame{number}.png")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_a_folder_is_read_in_the_order_of_its_numbers(folder, stack):
    assert np.array_equal(read(folder), stack)
    assert np.array_equal(read(str(folder)), stack)


def test_the_facts_of_a_stack(stack):
    with open_pictures(stack) as clip:
        info = clip.info
        assert (info.frame_count, info.width, info.height) == (5, 10, 12)
        assert math.isnan(info.fps)
        assert math.isnan(info.duration_s)
        assert math.isnan(clip.time_of(3))
        assert clip.damaged_packets == 0
        with pytest.raises(ClipError) as error:
            clip.index_at(0.5)
    assert error.value.kind == "bad_peak"


@pytest.mark.parametrize(
    "form",
    [
        lambda s, p: s,
        lambda s, p: s.tolist(),
        lambda s, p: list(s),
        lambda s, p: s.astype(np.int64),
        lambda s, p: [Image.fromarray(x) for x in s],
        lambda s, p: [{"path": None, "bytes": png(x)} for x in s],
        lambda s, p: [png(x) for x in s],
        lambda s, p: save_npy(p, s),
        lambda s, p: s.astype(np.float32),
    ],
)
def test_every_form_gives_the_same_pictures(form, stack, tmp_path):
    frames = form(stack, tmp_path)
    is_float = getattr(frames, "dtype", None) == np.float32
    assert np.array_equal(read(frames, pixel_range="0-255" if is_float else None), stack)


def png(pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def save_npy(folder, array):
    np.save(folder / "stack.npy", array)
    return folder / "stack.npy"


def test_paths_and_dicts_with_paths(folder, stack):
    paths = [folder / "frame10.png", str(folder / "frame2.png"), {"path": str(folder / "frame1.png"), "bytes": None}]
    assert np.array_equal(read(paths), stack[[3, 1, 0]])
    data = (folder / "frame9.png").read_bytes()
    assert np.array_equal(read([{"bytes": data}, {"path": "elsewhere.png", "bytes": data}]), stack[[2, 2]])
    assert np.array_equal(read([{"path": str(folder / "frame10.png")}]), stack[[3]])


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.uint8, (2, 3, 4, 3)), st.sampled_from([np.float16, np.float32, np.float64]))
def test_8_bits_as_floats_and_back(stack, dtype):
    if not 0 < stack.max() <= 1:  # that would be black, and is refused
        assert np.array_equal(read(stack.astype(dtype), pixel_range="0-255"), stack)
    assert np.array_equal(read((stack / 255).astype(dtype), pixel_range="0-1"), stack)


def test_floats_are_rounded_and_not_cut_off():
    frames = np.full((1, 1, 1, 3), [0.499 / 255, 0.501 / 255, 1.0])
    assert read(frames, pixel_range="0-1")[0].tolist() == [[[0, 1, 255]]]


@pytest.mark.parametrize("bgr_form", [lambda s: s, list])
def test_channel_order_of_arrays(stack, bgr_form):
    assert np.array_equal(read(bgr_form(stack), channel_order="bgr"), stack[..., ::-1])


def test_channel_order_does_not_concern_image_files(folder, stack):
    assert np.array_equal(read(folder, channel_order="bgr"), stack)


def test_pictures_of_different_sizes_and_modes():
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    rgba = np.random.default_rng(1).integers(0, 256, (3, 5, 4), dtype=np.uint8)
    got = read(
        [grey, Image.fromarray(grey), rgba, Image.fromarray(rgba), Image.fromarray(grey.astype(np.uint16) * 257)]
    )
    assert [g.shape for g in got] == [(4, 6, 3), (4, 6, 3), (3, 5, 3), (3, 5, 3), (4, 6, 3)]
    assert all((got[i] == grey[..., None]).all() for i in (0, 1, 4))
    assert np.array_equal(got[2], rgba[..., :3])
    assert np.array_equal(got[3], rgba[..., :3])


def test_exif_rotation_is_applied(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    with open_pictures([tmp_path / "a.png"]) as clip:
        assert (clip.info.width, clip.info.height) == (4, 8)
        assert np.array_equal(next(clip.frames([0]))[1], np.rot90(pixels, -1))


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        (np.full((2, 3, 3, 3), 0.5, np.float32), {}, "range is not declared"),
        (np.full((2, 3, 3, 3), np.nan, np.float32), {"pixel_range": "0-1"}, "27 of 27 values are NaN"),
        (np.full((2, 3, 3, 3), np.inf), {"pixel_range": "0-255"}, "infinite"),
        (np.full((2, 3, 3, 3), 200.0), {"pixel_range": "0-1"}, "'0-255' would hold them"),
        (np.full((2, 3, 3, 3), -3.0), {"pixel_range": "0-255"}, "do not lie in 0..255"),
        (np.full((2, 3, 3, 3), 0.7), {"pixel_range": "0-255"}, "pixel_range='0-1'"),
        ([np.full((3, 3, 3), 0.7), np.ones((2, 3, 3))], {"pixel_range": "0-255"}, "pixel_range='0-1'"),
        (np.zeros((2, 3, 3, 3), np.uint8), {"pixel_range": "0-1"}, "Whole numbers are 0..255"),
        (np.full((2, 3, 3, 3), 300), {}, "do not lie in 0..255"),
        (np.zeros((2, 3, 3, 3), bool), {}, "dtype bool"),
        (np.zeros((2, 3, 8, 8), np.uint8), {}, "channels seem to come first"),
        (np.zeros((8, 8, 3), np.uint8), {}, "belongs in a list"),
        (np.zeros((2, 8, 8), np.uint8), {}, "(T, H, W, 3)"),
        (np.zeros((2, 0, 8, 3), np.uint8), {}, "(T, H, W, 3)"),
        ([np.zeros((5, 8, 8), np.uint8)], {}, "(H, W, 3)"),
        ([[[[1, 2, 3]], [[1, 2]]]], {}, "unequal lengths"),
        ([b"no image"], {}, "frame 0: cannot be read as an image"),
        ([object()], {}, "frame 0: object; expected an image"),
        ({"a": 1}, {}, "dict; expected a folder"),
    ],
)
def test_what_is_wrong_is_said(frames, options, words):
    error = error_of(frames, **options)
    assert error.kind == "bad_frames"
    assert words in str(error)


def test_a_black_stack_is_black_in_any_range():
    for pixel_range in ("0-1", "0-255"):
        assert not np.any(read(np.zeros((2, 3, 3, 3)), pixel_range=pixel_range))


@pytest.mark.parametrize("frames", [[], np.zeros((0, 8, 8, 3), np.uint8)])
def test_no_pictures_at_all(frames):
    assert error_of(frames).kind == "no_frames"


def test_a_folder_without_pictures_and_paths_to_nowhere(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    assert error_of(tmp_path).kind == "no_frames"
    assert error_of(tmp_path / "none").kind == "missing_file"
    assert error_of(tmp_path / "none.npy").kind == "missing_file"
    assert error_of([tmp_path / "none.png"]).kind == "missing_file"
    assert error_of(tmp_path / "notes.txt").kind == "bad_frames"


def test_npy_files_that_are_none(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"not numpy")
    assert error_of(tmp_path / "a.npy").kind == "bad_frames"
    np.save(tmp_path / "b.npy", np.array([{"pickled": 1}], object), allow_pickle=True)
    assert error_of(tmp_path / "b.npy").kind == "bad_frames"
    (tmp_path / "c.npy").write_bytes(b"")
    assert error_of(tmp_path / "c.npy").kind == "empty_file"


def test_a_broken_picture_in_a_folder_is_named(folder):
    whole = (folder / "frame9.png").read_bytes()
    (folder / "frame9.png").write_bytes(whole[: len(whole) // 2])
    error = error_of(folder)
    assert error.kind == "bad_frames"
    assert "frame9.png" in str(error)


def test_limits_hold_for_pictures(stack):
    assert error_of(stack, limits=DecodeLimits(max_frames=4)).kind == "limit_exceeded"
    assert error_of(stack, limits=DecodeLimits(max_pixels=100)).kind == "limit_exceeded"
    assert error_of([png(stack[0])], limits=DecodeLimits(max_pixels=100)).kind == "limit_exceeded"


def test_wrong_options_list_the_valid_ones(stack):
    with pytest.raises(ValueError, match="'0-255'"):
        read(stack, pixel_range="0-256")
    with pytest.raises(ValueError, match="'rgb' or 'bgr'"):
        read(stack, channel_order="grb")


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_in_names_sort_as_numbers(numbers):
    names = [f"img_{n}.bmp" for n in numbers]
    assert sorted(names, key=natural_key) == [f"img_{n}.bmp" for n in sorted(numbers)]
