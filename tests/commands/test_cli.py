"""The command line as a person meets it: real processes, what they print, how they end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset

from emollama_hf.frames.demo_clips import write_demo_clips
from tests.commands.command_line import run
from tests.encoders import golden


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("my clips é")
    write_demo_clips(folder)
    return folder


def test_demo_runs_the_whole_chain(tmp_path: Path) -> None:
    ran = run("demo", "--out", str(tmp_path / "demo-features"))
    assert "2 clips: 2 ok" in ran.stdout
    assert "features mean nothing" in ran.stdout
    for stage in ("sample_frames", "facemae_embed", "videomae_embed", "emollama_embed"):
        assert stage in ran.stdout
    assert "(69, 48) float16" in ran.stdout
    assert ran.stderr == "", "no progress bar and no remark of a library where there is no terminal"
    ds = load_dataset(str(tmp_path / "demo-features"), split="train")
    assert ds["emollama_status"] == ["ok", "ok"]
    assert min(ds["face_coverage"]) > 0.5
    run("demo", "--out", str(tmp_path / "demo-features"))  # again: its own directory is replaced


def test_extract_keeps_failed_clips_and_ends_with_3(clips: Path, tmp_path: Path) -> None:
    for path in clips.iterdir():
        (tmp_path / "clips").mkdir(exist_ok=True)
        (tmp_path / "clips" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"")
    out = tmp_path / "features"
    arguments = (
        "extract",
        str(tmp_path / "clips"),
        "--model",
        "random-tiny",
        "--out",
        str(out),
        "--peak",
        "middle",
    )
    ran = run(*arguments, status=3)
    assert "broken.mp4" in ran.stderr
    assert "empty_file" in ran.stdout
    ds = load_dataset(str(out), split="train")
    assert dict(zip(ds["file_name"], ds["emollama_status"], strict=True))["broken.mp4"] == "empty_file"
    told = run("info", str(out)).stdout
    assert "3 clips" in told
    assert "peak='middle'" in told
    assert "max_pixels=37748736," in told
    assert "0 computed now, 3 known from before" in run(*arguments, status=3).stdout
    told = run(*arguments, "--status")
    assert "3 clips, 2 ok, 1 failed, 0 not computed yet" in told.stdout
    assert "1 empty_file" in told.stdout
    assert "broken.mp4" in told.stderr
    assert "1 computed now, 2 known from before" in run(*arguments, "--retry-failed", status=3).stdout
    told = run(*arguments, "--pooling", "mean", status=1).stderr
    assert "1 of its 13 columns: emollama ((69, 48) float16 there, (48,) float16 here)" in told
    assert len(told.splitlines()) == 1
    ran = run(*arguments, "--pooling", "mean", "--shard-rows", "1", "--replace", status=3)
    lines = [line for line in ran.stderr.splitlines() if "clips a minute" in line]
    assert len(lines) == 2, "one log line a shard"
    assert "2 of 2 clips" in lines[1]
    assert "slowest: " in lines[1]
    shutil.rmtree(out / ".cache")
    assert "--overwrite" in run(*arguments, status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("extract", "nowhere-at-all/x", "--model", "random-tiny", "--out", "{tmp}/o"), "nowhere-at-all/x"),
        (("extract", "{clips}", "--out", "{tmp}/o"), "random-tiny"),
        (
            ("extract", "{clips}", "--model", "random-tiny", "--out", "{tmp}/o", "--pooling", "median"),
            "image_mean",
        ),
        (("extract", "{clips}", "--model", "random-tiny"), "--out"),
        (("extract", "{clips}", "--model", "{tmp}/none", "--out", "{tmp}/o"), "none"),
        (("info", "{tmp}/none"), "none"),
        (("dance",), "dance"),
        (("extract", "{clips}", "--model", "random-tiny", "--out", "{tmp}/o", "--sideways"), "sideways"),
    ],
)
def test_an_error_is_one_line_and_ends_with_1(
    arguments: tuple[str, ...], message: str, clips: Path, tmp_path: Path
) -> None:
    ran = run(*(argument.format(clips=clips, tmp=tmp_path) for argument in arguments), status=1)
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path: Path) -> None:
    for arguments in (("--debug", "info", str(tmp_path / "no")), ("info", str(tmp_path / "no"), "--debug")):
        assert "Traceback" in run(*arguments, status=1).stderr


def test_info_of_a_model_names_its_parts() -> None:
    told = run("info", "random-tiny").stdout
    for part in ("facemae", "videomae", "emotion_llama"):
        assert part in told
    assert "features mean nothing" in told


def test_export_writes_what_extract_made(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for path in clips.iterdir():
        (tmp_path / "clips" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "clips" / "broken é.mp4").write_bytes(b"")
    features, npy = str(tmp_path / "features"), tmp_path / "npy"
    model = ("--model", "random-tiny", "--peak", "middle", "--out", features)
    run("extract", str(tmp_path / "clips"), *model, status=3)
    ran = run("export", features, "--npy", str(npy), status=3, HF_DATASETS_CACHE=str(tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("*.arrow")), "features are read where they are"
    assert ran.stderr == "skipped: 'broken é' (empty_file)\n"
    assert "Wrote 2 files of emollama" in ran.stdout
    assert sorted(path.name for path in npy.iterdir()) == ["demo_dark_cut.npy", "demo_pan_zoom.npy"]
    ds = load_dataset(features, split="train").filter(lambda status: status == "ok", input_columns="emollama_status")
    stored = np.asarray(ds[0]["emollama"], np.float16)
    np.testing.assert_array_equal(np.load(npy / "demo_dark_cut.npy"), stored)
    ran = run("export", features, "--npy", str(npy), status=1)
    assert "--overwrite" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    several = ("--column", "facemae", "--column", "emollama", "--dtype", "float32")
    run("export", features, "--npy", str(npy), *several, status=3)
    assert np.load(npy / "facemae" / "demo_dark_cut.npy").shape == (32,)
    assert np.load(npy / "emollama" / "demo_dark_cut.npy").dtype == np.float32


def golden_options(**changes: object) -> list[str]:
    sources = {**golden.SOURCES, **changes}
    return [text for kind, path in sources.items() for text in (f"--{kind.replace('_', '-')}", str(path))]


@pytest.fixture
def sizes(tmp_path: Path) -> str:
    path = tmp_path / "sizes.json"
    path.write_text(json.dumps(golden.MANIFEST["hyperparameters"]))
    return str(path)


def test_convert_says_what_became_of_each_file(sizes: str, tmp_path: Path) -> None:
    out = str(tmp_path / "model")
    ran = run("convert", *golden_options(), "--architecture", sizes, "--out", out)
    for text in (
        "mae_checkpoint.pth",
        "decoder_blocks.0.* (12)",
        "encoder.norm.* (2)",
        "blocks.3.* (13)",
        "optimizer",
        "LoRA was merged with alpha 2 (from the architecture)",
        "Llama 2 Community License",
        f"emollama-hf info {out}",
    ):
        assert text in ran.stdout
    assert ran.stderr == ""
    assert "(L, 96) hidden states" in run("info", out).stdout


def test_convert_ends_with_one_line_and_nothing_written(sizes: str, tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<html>Please sign in</html>")
    out = tmp_path / "model"
    for arguments, message in (
        (
            [],
            "no source was given. Name at least one of --facemae, --videomae, --hubert, --eva, --emotion-llama",
        ),
        (["--facemae", str(golden.SOURCES["facemae"])], "patch_embed.proj.weight (64, 3, 16, 16) (expected (1024,"),
        ([*golden_options(eva=tmp_path / "page.pth"), "--architecture", sizes], "it is a web page"),
        ([*golden_options(eva=golden.LLAMA), "--architecture", sizes], "is a directory, which looks like Llama's"),
        ([*golden_options(), "--architecture", str(tmp_path / "none.json")], "cannot be read as JSON"),
        ([*golden_options(), "--architecture", sizes, "--dtype", "int4"], "Valid: float32, float16, bfloat16"),
    ):
        ran = run("convert", *arguments, "--out", str(out), status=1)
        assert message in ran.stderr
        assert "Traceback" not in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
        assert not out.exists()


def test_doctor_reports_and_says_what_to_do() -> None:
    told = run("doctor").stdout
    for what in (
        "the real model takes",
        "decoder in 4bit",
        "torch",
        "datasets",
        "cpu",
        "disk",
        "package data",
        "EMOLLAMA_MODEL",
    ):
        assert what in told
    told = run("doctor", EMOLLAMA_MODEL="random-tiny").stdout
    assert "random-tiny takes 1." in " ".join(told.split())


@pytest.mark.parametrize(
    "command", [(), ("demo",), ("extract",), ("convert",), ("evaluate",), ("export",), ("info",), ("doctor",)]
)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    assert "Usage" in run(*command, "--help").stdout


def test_extract_takes_nothing_out_unasked(clips: Path, tmp_path: Path) -> None:
    first, second = sorted(clips.glob("*.mp4"))
    for folder, clip in (("a", first), ("a", second), ("b", first)):
        (tmp_path / folder).mkdir(exist_ok=True)
        shutil.copy(clip, tmp_path / folder / clip.name)
    (tmp_path / "b" / "text.mp4").write_text("no video")
    common = ("--model", "random-tiny", "--out", str(tmp_path / "out"), "--peak", "middle")
    run("extract", str(tmp_path / "a"), *common)
    told = run("extract", str(tmp_path / "b"), *common, status=1).stderr
    assert f"take out of it 1 of its 2 rows: '{second.name}'" in told
    assert "(--add," in told
    assert "(--replace," in told
    assert len(told.splitlines()) == 1
    assert (
        "Leave one of them out" in run("extract", str(tmp_path / "b"), *common, "--add", "--replace", status=1).stderr
    )
    told = run("extract", str(tmp_path / "b"), *common, "--add", status=3).stdout
    assert "With what was there it holds 3 rows." in told
    assert "1 computed now, 1 known from before" in told
    names = load_dataset(str(tmp_path / "out"), split="train", keep_in_memory=True)["file_name"]
    assert list(names) == [first.name, second.name, "text.mp4"]
    (tmp_path / "a" / first.name).unlink()
    assert "2 of its 3 rows" in run("extract", str(tmp_path / "a"), *common, status=1).stderr
    run("extract", str(tmp_path / "a"), *common, "--replace")
