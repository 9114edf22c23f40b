"""What the pages' tests promise: a block that fails, or is neither run nor listed, fails the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.blocks import Block, blocks, commands
from tests.pages.reader import Reader, reading_in


def read(folder: Path, page: str, **lists: dict[str, str]) -> Reader:
    (folder / "page.md").write_text(page)
    reader = Reader(folder, lists.get("replaced", {}), lists.get("not_run", {}))
    with reading_in(folder):
        reader.read(folder / "page.md")
    return reader


def test_blocks_of_any_depth_with_their_lines() -> None:
    page = "# Page\n\n```python\na = 1\n```\n\n- item\n\n  ```bash\n  b\n  ```\n\n```\ndiagram ──►\n```\n"
    assert blocks(page) == [Block("python", "a = 1\n", 3), Block("bash", "b\n", 9), Block("", "diagram ──►\n", 13)]


def test_commands_as_a_shell_takes_them_apart() -> None:
    code = "# all\na 'b c'  # two\nd \\\n    e && f; cd -\npip install '.[x]'\n"
    assert list(commands(code)) == [("a", "b c"), ("d", "e"), ("f",), ("cd", "-"), ("pip", "install", ".[x]")]


@pytest.mark.parametrize(
    ("page", "lists", "message"),
    [
        ("```python\nraise OSError('broken')\n```\n", {}, "broken"),
        ("```python\nprint(3)  # 4\n```\n", {}, "the page says 4, and it prints 3"),
        ("```bash\nsudo reboot\n```\n", {}, "neither run nor listed: sudo reboot"),
        ("```bash\npython gone.py\n```\n", {}, r"neither run nor listed: python gone\.py"),
        ("```yaml\na: 1\n```\n", {}, "neither run nor listed: a block of yaml"),
        ("Words.\n", {"not_run": {"ray stop": "a cluster"}}, "the page has no more.*ray stop"),
        ("```bash\nray stop --all\n```\n", {"not_run": {"ray stop": "a cluster"}}, "the page has no more.*ray stop"),
        ("```python\na = 1\n```\n", {"replaced": {"/mnt": "here"}}, "the page has no more.*/mnt"),
    ],
)
def test_what_fails(page: str, lists: dict[str, dict[str, str]], message: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, OSError), match=message):
        read(tmp_path, page, **lists)


def test_one_namespace_one_folder_and_what_is_listed_is_left_out(tmp_path: Path) -> None:
    page = (
        "```python\na = 1\n```\n```bash\nray stop\ncd sub; cd -\nemollama-hf info org/x\n```\n"
        "```python\nb = a + 1\nopen('/mnt/made', 'w').close()\nprint(b)  # 2 and more\n```\n"
    )
    (tmp_path / "sub").mkdir()
    reader = read(tmp_path, page, not_run={"ray stop": "a cluster"}, replaced={"/mnt/made": "made"})
    assert reader.names["b"] == 2
    assert (tmp_path / "made").is_file()
    assert reader.on_hub == [("emollama-hf", "info", "org/x")]


def test_a_command_that_ends_with_another_status(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"emollama-hf info nothing ended with 1\n+emollama-hf: model=.nothing"):
        read(tmp_path, "```bash\nemollama-hf info nothing\n```\n")
