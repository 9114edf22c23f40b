"""A reader who types a page from its first block to its last."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import second_process
from tests.commands.command_line import MAIN
from tests.hub import Hub
from tests.pages.blocks import Block, blocks, commands

#: Commands one after the other in one process that has been told of a Hub: each such process takes seconds to start.
ONE_BY_ONE = """
import json, sys, traceback
from emollama_hf.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["emollama-hf", *arguments]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"emollama-hf {' '.join(arguments)} ended with {end.code}")
"""
_PRINTED = re.compile(r"^print\(.*\)  # (.*)$", re.MULTILINE)


@dataclass
class Reader:
    """Runs a page's blocks.

    checkout: where the page's programs are.  replaced: texts of the page that stand for something that is not here, and
    what they are here.  not_run: commands that cannot run here, as the page has them, each with the reason.
    names: the one namespace of the page's Python.  on_hub: commands that talk to the Hub, for `run_on_hub`.
    """

    checkout: Path
    replaced: Mapping[str, str]
    not_run: Mapping[str, str]
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    on_hub: list[tuple[str, ...]] = field(default_factory=list)

    def read(self, *pages: Path) -> None:
        """Run every block of pages in order, here and now but for the Hub's; an error names the block's line."""
        found = {page: blocks(page.read_text(encoding="utf-8")) for page in pages}
        self._check_lists([block for of_page in found.values() for block in of_page])
        for page, of_page in found.items():
            for block in of_page:
                try:
                    self._run(Block(block.language, self._here(block.code), block.line))
                except Exception as error:
                    error.add_note(f"in the block at {page.name}:{block.line}")
                    raise

    def run_on_hub(self, server: Hub, home: Path) -> None:
        """Run the commands that talk to a Hub, in the page's order."""
        arguments = [list(words[1:]) for words in self.on_hub]
        second_process.run(
            ONE_BY_ONE, json.dumps(arguments), cwd=Path.cwd(), environment=server.environment(home), check=True
        )

    def _check_lists(self, found: list[Block]) -> None:
        code = "\n".join(block.code for block in found if block.language)
        gone = [text for text in self.replaced if text not in code]
        typed = {words for block in found if block.language == "bash" for words in commands(block.code)}
        gone += [command for command in self.not_run if tuple(shlex.split(command)) not in typed]
        assert not gone, f"the page has no more: {gone}. Take them from the list."

    def _here(self, code: str) -> str:
        for text, here in self.replaced.items():
            code = code.replace(text, here)
        return code

    def _run(self, block: Block) -> None:
        if block.language == "python":
            self._run_python(block)
        elif block.language == "bash":
            left_out = {tuple(shlex.split(self._here(command))) for command in self.not_run}
            for words in commands(block.code):
                if words not in left_out:
                    self._run_command(words)
        else:
            assert not block.language, f"neither run nor listed: a block of {block.language}"

    def _run_python(self, block: Block) -> None:
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(block.code, f"line {block.line}", "exec"), self.names)
        promised = _PRINTED.findall(block.code)
        if promised:
            for line, comment in zip(output.getvalue().splitlines(), promised, strict=True):
                assert comment.startswith(line), f"the page says {comment}, and it prints {line}"

    def _run_command(self, words: tuple[str, ...]) -> None:
        match words:
            case ("cd", folder):
                before, there = os.getcwd(), os.environ.get("OLDPWD", "") if folder == "-" else folder
                os.chdir(there)
                os.environ["OLDPWD"] = before
            case ("emollama-hf", *_) if any(word.startswith("org/") for word in words):
                self.on_hub.append(words)
            case ("emollama-hf", *arguments):
                _succeeds(words, second_process.run(MAIN, *arguments, cwd=Path.cwd()))
            case ("python", "-c", code):
                _succeeds(words, second_process.run(code, cwd=Path.cwd()))
            case ("python", script, *arguments) if (self.checkout / script).is_file():
                _succeeds(words, second_process.run_script(self.checkout / script, *arguments, cwd=Path.cwd()))
            case _:
                raise AssertionError(f"neither run nor listed: {shlex.join(words)}")


def _succeeds(words: tuple[str, ...], ran: Any) -> None:
    assert ran.returncode == 0, f"{shlex.join(words)} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"


@contextlib.contextmanager
def reading_in(folder: Path) -> Iterator[None]:
    """The working directory, and what `cd` remembers, put back at the end."""
    before, remembered = os.getcwd(), os.environ.get("OLDPWD")
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.pop("OLDPWD", None)
        if remembered is not None:
            os.environ["OLDPWD"] = remembered
