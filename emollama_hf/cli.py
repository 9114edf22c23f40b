"""The command line: `emollama-hf`. Options and printing only; what a command does lives in the module it calls."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from emollama_hf import __version__
from emollama_hf.console.logs import clean_all_logs
from emollama_hf.console.safe_errors import traceback_text
from emollama_hf.console.terminal import write_line
from emollama_hf.encoders import weight_sources

app = typer.Typer(
    name="emollama-hf",
    help="Emotion-LLaMA features of video clips as Hugging Face data sets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

#: Help of what `convert` reads, by option.
_SOURCES = {source.option: source.help for source in weight_sources()}

SOME_FAILED = 3
INTERRUPTED = 130

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Model directory, Hub id, random-tiny or random-full. Default: the environment's EMOLLAMA_MODEL.",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Directory to write the feature data set to.")]


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


@app.command()
def demo(
    out: Out = Path("demo-features"),
    model: Annotated[str, typer.Option("--model", "-m", help="As for extract.")] = "random-tiny",
) -> None:
    """Make two short clips with a face and extract their features: the whole chain in one go."""
    from emollama_hf.commands.demo import run_demo

    _finish(run_demo(out, model))


@app.command()
def extract(
    source: Annotated[str, typer.Argument(help="Folder of videos, data set directory, or Hub id.", show_default=False)],
    out: Out,
    model: Model = None,
    labels: Annotated[Path | None, typer.Option(help="CSV (.tsv, .jsonl, .parquet) with file_name or uuid.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of a data set.")] = None,
    peak: Annotated[
        str, typer.Option(help="Peak frame: expressive, middle, first, column:NAME or openface:DIR.")
    ] = "expressive",
    faces: Annotated[str, typer.Option(help="detect, or none where the pictures are crops already.")] = "detect",
    crop: Annotated[str, typer.Option(help="Face crop: openface, aligned, box or none.")] = "openface",
    min_face_coverage: Annotated[
        float, typer.Option(help="Clips with a face in a smaller share of the frames, 0 to 1, fail: no_face.")
    ] = 0.0,
    pixel_range: Annotated[
        str | None, typer.Option(help="0-1 or 0-255, for a column of frames that holds floats.")
    ] = None,
    channel_order: Annotated[str, typer.Option(help="rgb, or bgr for frames that OpenCV wrote.")] = "rgb",
    pixel_aspect: Annotated[
        str, typer.Option(help="square shows oblong pixels as players do; stored leaves them as they are.")
    ] = "square",
    task: Annotated[str | None, typer.Option(help="Task tag of the prompt.")] = None,
    instruction: Annotated[str | None, typer.Option(help="Instruction; the emotion question by default.")] = None,
    layout: Annotated[str, typer.Option(help="fork or upstream.")] = "fork",
    pooling: Annotated[
        str, typer.Option(help="all, START:STOP, mean, last, image_mean, features_mean or text_mean.")
    ] = "all",
    store_dtype: Annotated[str, typer.Option(help="float16 or float32.")] = "float16",
    tokenizer: Annotated[str | None, typer.Option(help="Tokenizer for a model without one.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a Hub id given as --model.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, float16-mixed, float16 or bfloat16.")] = "auto",
    quantize: Annotated[
        str | None, typer.Option(help="4bit or 8bit: keep the decoder in so many bits, in less memory.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Clips computed together.")] = None,
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compute with torch.compile; needs a C++ compiler.")
    ] = False,
    stages: Annotated[
        list[str] | None,
        typer.Option(help="Stage to run, of this package or of another; again for more. Default: emollama_embed."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE: option of a stage that has no flag of its own here; again for more."),
    ] = None,
    num_proc: Annotated[
        int | None, typer.Option(min=1, help="Worker processes, each with a GPU, or one thread.")
    ] = None,
    num_readers: Annotated[int | None, typer.Option(min=0, help="Processes that decode ahead of the models.")] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for the machines of a Ray cluster.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Ray cluster: HOST:PORT or auto. Default: RAY_ADDRESS, else this machine alone.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="Also write facemae_frames, videomae_frames, peak_frame (faces!), hubert_sequence (a voice!)."
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of SOURCE to write that is left out by itself (lists, long texts), 'p*' for p0, p1, ...; "
            "again for more."
        ),
    ] = None,
    on_error: Annotated[str, typer.Option(help="null keeps a failed clip with its status; raise stops.")] = "null",
    shard_rows: Annotated[
        int | None, typer.Option(min=1, help="Clips a shard, the most that a killed run loses. Default: a minute's.")
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Say what is there, missing and failed, and compute nothing.")
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Compute the clips again that failed, and no others; mended files are new clips."
        ),
    ] = False,
    add: Annotated[
        bool, typer.Option("--add", help="Keep rows and columns of --out that SOURCE does not give, and add to them.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take rows and columns out of --out that SOURCE does not give.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a feature data set in --out that was not made there.")
    ] = False,
) -> None:
    """Extract the features of every clip of SOURCE into a data set that load_dataset opens.

    What is in --out already is not computed again: run the same after an interruption or with new clips.

    A run that would take rows or columns out of --out is an error without --add or --replace.

    Ends with 0, with 3 if it finished but some clips failed, with 1 on an error.
    """
    from emollama_hf.commands.extract import run_extract, show_status
    from emollama_hf.commands.typed_options import typed_options
    from emollama_hf.engines.workers import Workers

    given: dict[str, tuple[Any, Any]] = {
        "peak": (peak, "expressive"), "faces": (faces, "detect"), "crop": (crop, "openface"), "task": (task, None),
        "min_face_coverage": (min_face_coverage, 0.0),
        "pixel_range": (pixel_range, None), "channel_order": (channel_order, "rgb"),
        "pixel_aspect": (pixel_aspect, "square"),
        "instruction": (instruction, None), "layout": (layout, "fork"), "pooling": (pooling, "all"),
        "store_dtype": (store_dtype, "float16"), "tokenizer": (tokenizer, None), "revision": (revision, None),
        "device": (device, "auto"), "dtype": (dtype, "auto"), "batch_size": (batch_size, None),
        "compile": (compile_, False),
        "quantize": (quantize, None),
    }  # fmt: skip
    # An option without effect is an error, so only those that differ from their defaults are passed on.
    options = {name: value for name, (value, default) in given.items() if value != default}
    if stages:
        options["stages"] = tuple(stages)
    options |= {
        "model": model, "labels": labels, "split": split, "keep": tuple(keep or ()), "on_error": on_error,
        "include": tuple(include or ()),
        "overwrite": overwrite, "existing": _existing(add, replace),
        "typed": typed_options(option or (), flags=given),
    }  # fmt: skip
    workers = Workers(engine, address, num_proc, num_readers)
    if status:
        show_status(source, out, **options)
        return
    try:
        failed = run_extract(
            source, out, workers=workers, shard_rows=shard_rows, retry_failed=retry_failed, **options
        )  # fmt: skip
    except KeyboardInterrupt as interrupt:  # typer would keep its message to itself
        _fail(f"interrupted: {str(interrupt) or 'run the same again'}", INTERRUPTED)
    _finish(failed)


@app.command()
def convert(
    out: Annotated[Path, typer.Option("--out", "-o", help="Model directory to write; it must be new or empty.")],
    facemae: Annotated[str | None, typer.Option(help=_SOURCES["facemae"])] = None,
    videomae: Annotated[str | None, typer.Option(help=_SOURCES["videomae"])] = None,
    hubert: Annotated[str | None, typer.Option(help=_SOURCES["hubert"])] = None,
    eva: Annotated[str | None, typer.Option(help=_SOURCES["eva"])] = None,
    emotion_llama: Annotated[str | None, typer.Option(help=_SOURCES["emotion_llama"])] = None,
    llama: Annotated[str | None, typer.Option(help=_SOURCES["llama"])] = None,
    lora_alpha: Annotated[
        list[float] | None, typer.Option(help="LoRA alpha, if the checkpoint does not say it.")
    ] = None,
    architecture: Annotated[
        Path | None, typer.Option(help="JSON file with sizes, for models other than the published ones.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32, float16 or bfloat16 for every tensor. Default: as the sources have it.")
    ] = None,
) -> None:
    """Make a model directory from the original's checkpoints.

    Each source is a path, a URL of any fsspec scheme, or hf://OWNER/NAME and a path below it.

    Any subset of the six may be given: the face encoders alone are useful, and Llama-2 is gated.
    """
    from emollama_hf.commands.convert import run_convert

    sources = {
        "facemae": facemae, "videomae": videomae, "hubert": hubert,
        "eva": eva, "emotion_llama": emotion_llama, "llama": llama,
    }  # fmt: skip
    run_convert(out, sources, lora_alpha=lora_alpha, architecture=architecture, dtype=dtype)


@app.command()
def push(
    source: Annotated[str, typer.Argument(help="Directory that extract wrote (--out).", show_default=False)],
    target: Annotated[
        str,
        typer.Argument(help="ORG/NAME on the Hub, a URL such as s3://bucket/path, a directory.", show_default=False),
    ],
    public: Annotated[bool, typer.Option("--public", help="Allow a public repository. Default: private.")] = False,
    media: Annotated[
        bool, typer.Option("--media", help="Publish recordings and pictures of people, too. Asks once more.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: publish also what looks like a person, a moment or a place.")
    ] = False,
    config: Annotated[
        str | None, typer.Option(help="Configuration. Default: the one that was made in the same way.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch of the repository.")] = None,
    tag: Annotated[str | None, typer.Option(help="Name for the new commit, such as v1.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Column that names rows. Default: uuid, id, clip_id, name or file_name.")
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Publish names of files in clear. Default: hashes of them.")
    ] = False,
    hash_keys: Annotated[
        bool, typer.Option("--hash-keys", help="Publish hashes also of names that are no files', such as a uuid.")
    ] = False,
    key_secret: Annotated[
        Path | None, typer.Option(help="File with a secret to hash names with, so that nobody can check a guess.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column to keep back; again for more.")] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            help="Column to publish that is left out by itself (lists, long texts), 'p*' for p0, p1, ..., or looks "
            "personal; again for more."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace published rows that have the same name and other values.")
    ] = False,
    include_forgotten: Annotated[
        bool, typer.Option("--include-forgotten", help="Publish rows again that forget took out.")
    ] = False,
    license: Annotated[str | None, typer.Option(help="Licence, as the Hub names it: cc-by-nc-4.0.")] = None,
    citation: Annotated[Path | None, typer.Option(help="BibTeX file for the card.")] = None,
    rewrite_card: Annotated[
        bool, typer.Option("--rewrite-card", help="Write README.md anew, also if somebody edited it.")
    ] = False,
) -> None:
    """Share features, and no faces: recordings, pictures, file names and local paths stay here.

    Rows that are named by their files are published under hashes; which is whose stays in SOURCE.names.csv.

    A column that looks like a person, a moment or a place (participant_id, a mail address, a date) is asked about on a
    terminal, and held back elsewhere: --include, --drop or --yes decide.

    What is published already is not sent again: run the same after an interruption or with new clips.
    """
    from emollama_hf.commands.push import run_push

    run_push(
        source, target, private=not public, media=media, yes=yes, config_name=config, revision=revision, tag=tag,
        key=key, names=names, hash_keys=hash_keys, key_secret=key_secret, include=tuple(include or ()),
        drop=tuple(drop or ()), replace=replace,
        include_forgotten=include_forgotten, license=license,
        citation=citation, rewrite_card=rewrite_card,
    )  # fmt: skip


@app.command()
def verify(
    target: Annotated[str, typer.Argument(help="ORG/NAME on the Hub, a URL, a directory.", show_default=False)],
    source: Annotated[
        str, typer.Option("--source", help="The clips: folder of videos, data set directory.", show_default=False)
    ],
    sample: Annotated[int, typer.Option(min=1, help="Clips to compute again.")] = 3,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The stated model. Default: the Hub id or random model named.")
    ] = None,
    model_revision: Annotated[str | None, typer.Option(help="Revision of a Hub id given as --model.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Tokenizer, for a model without one.")] = None,
    seed: Annotated[int, typer.Option(help="Which clips are chosen.")] = 0,
    config: Annotated[str | None, typer.Option(help="Configuration. Default: default.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV (.tsv, .jsonl, .parquet) with file_name or uuid.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of a data set.")] = None,
    key_secret: Annotated[Path | None, typer.Option(help="File with the secret of hashed names.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    dtype: Annotated[str | None, typer.Option(help="Compute in another type than stated.")] = None,
    quantize: Annotated[
        str | None,
        typer.Option(help="none, 4bit or 8bit: another decoder than stated, to see what quantizing changes."),
    ] = None,
    peak: Annotated[str | None, typer.Option(help="openface:DIR, for peaks that OpenFace chose.")] = None,
) -> None:
    """Compute a few clips again with the stated model and compare: are the features what they say?

    Ends with 0 if they are, with 3 if a clip deviates, with 1 if it could not be found out.
    """
    from emollama_hf.commands.verify import run_verify

    _finish(
        run_verify(
            target, source, sample=sample, model=model, model_revision=model_revision, tokenizer=tokenizer, seed=seed,
            config_name=config, revision=revision, labels=labels, split=split,
            key_secret=key_secret, device=device, dtype=dtype, quantize=quantize, peak=peak,
        )
    )  # fmt: skip


@app.command()
def forget(
    target: Annotated[str, typer.Argument(help="ORG/NAME on the Hub, a URL, a directory.", show_default=False)],
    where: Annotated[
        list[str],
        typer.Option("--where", help="COLUMN=VALUE of the rows; again for more.", show_default=False),
    ],
    revision: Annotated[str | None, typer.Option(help="Branch.")] = None,
    squash: Annotated[
        bool, typer.Option("--squash", help="Also remove the history of the branch, and the old files for good.")
    ] = False,
    key_secret: Annotated[Path | None, typer.Option(help="File with the secret of hashed names.")] = None,
) -> None:
    """Remove the rows of a participant who withdraws, and say what still holds them."""
    from emollama_hf.commands.forget import run_forget

    run_forget(target, where, revision=revision, squash=squash, key_secret=key_secret)


@app.command()
def export(
    features: Annotated[str, typer.Argument(help="Feature data set: directory or Hub id.", show_default=False)],
    npy: Annotated[Path, typer.Option("--npy", help="Directory to write {name}.npy files to.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column of arrays; again for more, each in a folder of its own. Default: emollama."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Column that names the files. Default: file_name without its ending, or uuid.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float16 or float32. Default: as stored.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of a data set.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Write features as the original's scripts do: one .npy file a clip.

    Ends with 0, with 3 if clips were skipped because they have no features, with 1 on an error.
    """
    from emollama_hf.commands.export import run_export

    _finish(run_export(features, npy, columns=column, name=name, dtype=dtype, split=split, overwrite=overwrite))


@app.command()
def info(
    target: Annotated[
        str, typer.Argument(help="Feature data set (directory, Hub id, URL) or model (directory, Hub id, random-tiny).")
    ],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub id.")] = None,
) -> None:
    """Say what a model or a feature data set is, without loading weights or features."""
    from emollama_hf.commands.info import show_info

    show_info(target, revision=revision)


@app.command()
def doctor() -> None:
    """Say what is installed, what would run where, what is missing and how to mend it."""
    from emollama_hf.commands.doctor import run_doctor

    if not run_doctor():
        raise typer.Exit(1)


def _existing(add: bool, replace: bool) -> str:
    if add and replace:
        raise typer.BadParameter("--add keeps what is there and --replace does not. Leave one of them out.")
    return "add" if add else "replace" if replace else "error"


def _finish(failed_rows: int) -> None:
    if failed_rows:
        raise typer.Exit(SOME_FAILED)


def main() -> None:
    """Entry point: an error is one line on standard error and the exit status 1; --debug, anywhere, shows it whole."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    clean_all_logs()
    try:
        status = app(arguments, prog_name="emollama-hf", standalone_mode=False)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # a pager was closed: nothing to report
        sys.exit(0)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.exit(0)  # the help was printed
        if debug:
            sys.stderr.write(traceback_text(error))
            sys.exit(1)
        _fail(_one_line(error), 1)
    if status == INTERRUPTED:
        _fail("interrupted", INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _one_line(error: BaseException) -> str:
    """The message of an error in one line; usage errors of the command line have theirs in a method."""
    formatted = getattr(error, "format_message", None)
    message = formatted() if callable(formatted) else str(error)
    line = " ".join(message.split()) or type(error).__name__
    known = formatted is not None or type(error).__module__.startswith("emollama_hf")
    foreseen = known or isinstance(error, OSError | ValueError)
    return line if foreseen else f"{type(error).__name__}: {line} (run again with --debug for the traceback)"


def _fail(message: str, status: int) -> NoReturn:
    write_line(f"emollama-hf: {message}")
    sys.exit(status)


if __name__ == "__main__":
    main()
