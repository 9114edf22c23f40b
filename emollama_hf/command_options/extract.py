"""Options of `emollama-hf extract`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from emollama_hf.command_options.endings import INTERRUPTED, end, fail
from emollama_hf.command_options.shared_options import Device, Labels, Model, Out, Split


def extract(
    source: Annotated[str, typer.Argument(help="Folder of videos, data set directory, or Hub id.", show_default=False)],
    out: Out,
    model: Model = None,
    labels: Labels = None,
    split: Split = None,
    peak: Annotated[
        str, typer.Option(help="Peak frame: expressive, middle, first, column:NAME or openface:DIR.")
    ] = "expressive",
    faces: Annotated[str, typer.Option(help="detect, or none where the pictures are crops already.")] = "detect",
    detector: Annotated[
        str | None, typer.Option(help="cpu or gpu: where faces are found. Default: gpu if cores are what it waits for.")
    ] = None,
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
    adapter: Annotated[str | None, typer.Option(help="Adapter that finetune has trained for the model.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a Hub id given as --model.")] = None,
    device: Device = "auto",
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
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=ENCODER: any encoder of timm or transformers (docs/encoders.md); again for more."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE: option of a stage that has no flag of its own here; COLUMN.NAME=VALUE of an --encoder; "
            "again for more."
        ),
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
            help="Also write facemae_frames, videomae_frames, peak_frame, image_tokens (faces!), hubert_sequence "
            "(a voice!)."
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
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Compute and store so many clips, small files to large ones, and stop: a first look."),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate", help="Compute a --sample (default: 8), and say time, disk and memory that the rest needs."
        ),
    ] = False,
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

    With --sample or --estimate, --out gets no data set yet: run the same without them for the others.

    Ends with 0, with 3 if it finished but some clips failed, with 1 on an error.
    """
    if (sample is not None or estimate) and (status or retry_failed):
        other = "--status computes nothing" if status else "--retry-failed computes clips that failed"
        raise typer.BadParameter(
            f"--sample and --estimate compute clips that are not known, and {other}. Leave one of them out."
        )
    from emollama_hf.commands.encoder_options import encoders_of
    from emollama_hf.commands.extract import run_extract, show_status
    from emollama_hf.commands.sample import run_sample
    from emollama_hf.commands.typed_options import typed_options
    from emollama_hf.engines.workers import Workers

    given: dict[str, tuple[Any, Any]] = {
        "peak": (peak, "expressive"), "faces": (faces, "detect"), "crop": (crop, "openface"), "task": (task, None),
        "detector": (detector, None), "min_face_coverage": (min_face_coverage, 0.0),
        "pixel_range": (pixel_range, None), "channel_order": (channel_order, "rgb"),
        "pixel_aspect": (pixel_aspect, "square"),
        "instruction": (instruction, None), "layout": (layout, "fork"), "pooling": (pooling, "all"),
        "store_dtype": (store_dtype, "float16"), "tokenizer": (tokenizer, None), "adapter": (adapter, None),
        "revision": (revision, None),
        "device": (device, "auto"), "dtype": (dtype, "auto"), "batch_size": (batch_size, None),
        "compile": (compile_, False),
        "quantize": (quantize, None),
    }  # fmt: skip
    # An option without effect is an error, so only those that differ from their defaults are passed on.
    options = {name: value for name, (value, default) in given.items() if value != default}
    if stages:
        options["stages"] = tuple(stages)
    encoders, others = encoders_of(encoder or (), option or ())
    if encoders:
        options["encoders"] = encoders
    options |= {
        "model": model, "labels": labels, "split": split, "keep": tuple(keep or ()), "on_error": on_error,
        "include": tuple(include or ()),
        "overwrite": overwrite, "existing": _existing(add, replace),
        "typed": typed_options(others, flags=given),
    }  # fmt: skip
    workers = Workers(engine, address, num_proc, num_readers)
    if status:
        show_status(source, out, **options)
        return
    run = partial(run_extract, source, out, workers=workers, shard_rows=shard_rows, retry_failed=retry_failed)
    if sample is not None or estimate:
        run = partial(run_sample, source, out, sample=sample, say_rest=estimate, workers=workers, shard_rows=shard_rows)
    try:
        failed = run(**options)
    except KeyboardInterrupt as interrupt:  # typer would keep its message to itself
        fail(f"interrupted: {str(interrupt) or 'run the same again'}", INTERRUPTED)
    end(failed)


def _existing(add: bool, replace: bool) -> str:
    if add and replace:
        raise typer.BadParameter("--add keeps what is there and --replace does not. Leave one of them out.")
    return "add" if add else "replace" if replace else "error"
