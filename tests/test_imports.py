"""`import emollama_hf` and `--help` stay instant: they load none of the heavy libraries."""

import importlib
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "datasets", "timm", "av", "cv2", "pyarrow", "pandas")


@pytest.mark.parametrize(
    "code",
    [
        "import emollama_hf",
        "import emollama_hf; dir(emollama_hf); emollama_hf.configure(model='random-tiny')",
        "import sys; sys.argv = ['emollama-hf', '--help']\n"
        "from emollama_hf.cli import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code",
        "import sys; sys.argv = ['emollama-hf', 'extract', '--help']\n"
        "from emollama_hf.cli import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    check = f"\nimport sys; loaded = [m for m in {HEAVY} if m in sys.modules]; assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", code + check], check=True, capture_output=True, timeout=60)


def test_importing_the_stages_does_not_import_torch() -> None:
    code = "from emollama_hf import emollama_embed, SampleFrames; import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("package", ["checkpoints", "frames", "models", "stages"])
def test_every_name_that_a_package_lists_is_there(package: str) -> None:
    names: dict[str, object] = {}
    exec(f"from emollama_hf.{package} import *", names)
    listed = importlib.import_module(f"emollama_hf.{package}").__all__
    assert listed
    assert set(listed) <= set(names)


def test_every_public_name_is_there() -> None:
    import emollama_hf

    assert all(getattr(emollama_hf, name) is not None for name in emollama_hf.__all__)
    assert set(emollama_hf.__all__) <= set(dir(emollama_hf))
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = emollama_hf.nothing_like_this
