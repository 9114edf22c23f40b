"""Options of `emollama-hf verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from emollama_hf.command_options.endings import end
from emollama_hf.command_options.shared_options import Device, KeySecret, Labels, SharedSet, Split


def verify(
    target: SharedSet,
    source: Annotated[
        str, typer.Option("--source", help="The clips: folder of videos, data set directory.", show_default=False)
    ],
    sample: Annotated[int, typer.Option(min=1, help="Clips to compute again.")] = 3,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The stated model. Default: the Hub id or random model named.")
    ] = None,
    model_revision: Annotated[str | None, typer.Option(help="Revision of a Hub id given as --model.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Tokenizer, for a model without one.")] = None,
    adapter: Annotated[
        str | None, typer.Option(help="The stated adapter, where it lies here. Default: the Hub id that is named.")
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=PATH: where an encoder, or the file of its weights, lies; again for more."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which clips are chosen.")] = 0,
    config: Annotated[str | None, typer.Option(help="Configuration. Default: default.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.")] = None,
    labels: Labels = None,
    split: Split = None,
    key_secret: KeySecret = None,
    device: Device = "auto",
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
    from emollama_hf.commands.encoder_options import encoders_of
    from emollama_hf.commands.verify import run_verify

    end(
        run_verify(
            target, source, sample=sample, model=model, model_revision=model_revision, tokenizer=tokenizer,
            adapter=adapter, seed=seed, config_name=config, revision=revision, labels=labels, split=split,
            key_secret=key_secret, device=device, dtype=dtype, quantize=quantize, peak=peak,
            encoders=encoders_of(encoder or ())[0],
        )
    )  # fmt: skip
