"""The command line: `emollama-hf`. Each command's options are in `command_options`, what it prints in `commands`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from emollama_hf import __version__
from emollama_hf.command_options.convert import convert
from emollama_hf.command_options.demo import demo
from emollama_hf.command_options.doctor import doctor
from emollama_hf.command_options.endings import INTERRUPTED, fail
from emollama_hf.command_options.evaluate import evaluate
from emollama_hf.command_options.export import export
from emollama_hf.command_options.extract import extract
from emollama_hf.command_options.finetune import finetune
from emollama_hf.command_options.forget import forget
from emollama_hf.command_options.info import info
from emollama_hf.command_options.probe import probe
from emollama_hf.command_options.push import push
from emollama_hf.command_options.push_adapter import push_adapter
from emollama_hf.command_options.verify import verify
from emollama_hf.console.logs import clean_all_logs
from emollama_hf.console.safe_errors import traceback_text

app = typer.Typer(
    name="emollama-hf",
    help="Emotion-LLaMA features of video clips as Hugging Face data sets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

for command in (
    demo, extract, convert, push, verify, forget, export, evaluate, probe, finetune, push_adapter, info, doctor,
):  # fmt: skip
    app.command()(command)


def _version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: an error is one line on standard error and the exit status 1; --debug, anywhere, shows it whole."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    clean_all_logs()
    try:
        status = app(arguments, prog_name="emollama-hf", standalone_mode=False)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # a pager was closed: nothing to report
        sys.exit(0)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.exit(0)  # the help was printed
        if debug:
            sys.stderr.write(traceback_text(error))
            sys.exit(1)
        fail(_one_line(error), 1)
    if status == INTERRUPTED:
        fail("interrupted", INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _one_line(error: BaseException) -> str:
    """The message of an error in one line; usage errors of the command line have theirs in a method."""
    formatted = getattr(error, "format_message", None)
    message = formatted() if callable(formatted) else str(error)
    line = " ".join(message.split()) or type(error).__name__
    known = formatted is not None or type(error).__module__.startswith("emollama_hf")
    foreseen = known or isinstance(error, OSError | ValueError)
    return line if foreseen else f"{type(error).__name__}: {line} (run again with --debug for the traceback)"


if __name__ == "__main__":
    main()
