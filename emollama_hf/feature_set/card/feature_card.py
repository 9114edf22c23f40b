"""The README of a feature data set, the card that people read first."""

from __future__ import annotations

from huggingface_hub import DatasetCard

from emollama_hf.console.terminal import shown_text
from emollama_hf.feature_set.card import card_sections as sections
from emollama_hf.feature_set.card.card_yaml import card_yaml
from emollama_hf.feature_set.card.coverage_picture import coverage_picture
from emollama_hf.feature_set.card.credits import credits_of, tags
from emollama_hf.feature_set.card.credits import title as title_of
from emollama_hf.feature_set.card.markdown import inline, sentence
from emollama_hf.feature_set.card.readme_metadata import readme_metadata
from emollama_hf.feature_set.manifest import Manifest
from emollama_hf.feature_set.opening import Opening
from emollama_hf.feature_set.random_columns import random_sentence
from emollama_hf.feature_set.set_paths import picture_name


def write_card(manifest: Manifest, opening: Opening, *, name: str | None = None) -> str:
    """The card of a set, its metadata included. name: what the set is called, if it has a name."""
    rows = max((config.rows for config in manifest.configs.values()), default=0)
    credits = credits_of(manifest)
    title = title_of(credits)
    whole = shown_text(f"{name}: {title}" if name else title)
    random = random_sentence(manifest.configs.values())
    return "\n".join(
        [
            _metadata(manifest, pretty_name=whole, size_categories=[_size_category(rows)]),
            *([f"> {sentence(random)}\n"] if random else []),
            f"# {f'{inline(name)}: ' if name else ''}{sentence(title)}\n",
            sections.summary(manifest, credits),
            sections.loading(manifest, opening),
            *(sections.configuration(key, manifest) for key in manifest.configs),
            sections.limits_and_ethics(manifest, credits),
            sections.licence_and_citation(manifest, credits),
        ]
    )


def update_card(edited: str, manifest: Manifest) -> str:
    """A card that somebody has edited, with the columns and files of now; its text and other metadata stay."""
    card, now = DatasetCard(edited, ignore_metadata_errors=True), DatasetCard(_metadata(manifest))
    for name in ("dataset_info", "configs"):
        card.data[name] = now.data.get(name)
    end = "\r\n" if "\r\n" in edited else "\n"
    str(card)  # puts the metadata into the order of the edited card
    head = f"---\n{card_yaml(card.data.to_dict())}\n---\n".replace("\n", end)
    return head + card.text


def card_pictures(manifest: Manifest) -> dict[str, bytes]:
    """The pictures that the card shows, by their names."""
    return {
        picture_name(name): coverage_picture(config.counts.coverage)
        for name, config in manifest.configs.items()
        if sum(config.counts.coverage)
    }


def _metadata(manifest: Manifest, **more: object) -> str:
    licence = {"license": manifest.license} if manifest.license else {}
    return readme_metadata(
        {name: (config.features, list(config.files)) for name, config in manifest.configs.items()},
        tags=tags(credits_of(manifest)),
        **licence,
        **more,
    )


def _size_category(rows: int) -> str:
    """As the Hub names sizes: "1K<n<10K"."""
    steps = ["1K", "10K", "100K", "1M", "10M"]
    limits = [10**power for power in range(3, 8)]
    at = sum(rows >= limit for limit in limits)
    return "n<1K" if at == 0 else "n>10M" if at == len(limits) else f"{steps[at - 1]}<n<{steps[at]}"
