"""Whatever the data says, a card parses, its metadata is what was meant, and it shows nothing that the package did not
write: no HTML, no link, no picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml
from datasets import ClassLabel, Features, List, Value
from huggingface_hub import DatasetCard, DatasetCardData
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from emollama_hf.console.terminal import shown_text
from emollama_hf.feature_set.card.card_yaml import card_yaml
from emollama_hf.feature_set.card.feature_card import update_card, write_card
from emollama_hf.feature_set.card.markdown import block, cell, code, inline, literal, sentence
from emollama_hf.feature_set.file_counts import COVERAGE_BINS, FileCounts
from emollama_hf.feature_set.manifest import FeatureConfig, FeatureFile, Manifest, RowKey
from emollama_hf.feature_set.opening import open_directory

HOSTILE = [
    "|", "\\|", "\\\\|", "`", "``", "```", "~~~", "<b>", "<img src=x onerror=alert(1)>", "<!--", "</details>", "&lt;",
    "&#60;",
    "[x](javascript:alert(1))", "![](http://tracker.example/a.png)", "[x]: http://a.example", "[x][x]", "<http://a.example>",
    "http://a.example", "www.a.example", "anna@example.org", "{{ x }}", "{% raw %}", "---", "\n---\n", "\n# heading\n",
    "\n\n", "\r", "\n```\n", "\n    ", "$x$", "*", "_", "**b**",
    "~", "# ", "- ", "1. ", "> ", ": ", "'", '"', "\\", "!",
    "\n- a: b\n",
    "\x1b[31m", "\u202e", "\u202a", "\u2066", "\u200b", "\u2028", "\ue000", "\U000e0041", "a\u0301\u0301",
    "true", "null", "1e3", "0x1", "yes", "%TAG", "%YAML 1.1", "? a", "...", "\x85", "\ufeff", "&anchor", "*alias",
    "!!python/object:os.system",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=4)), max_size=6).map("".join)
# Parquet and JSON hold no lone surrogates.
storable = texts.map(lambda text: text.encode(errors="ignore").decode())
names = storable.filter(bool)
MARKDOWN = MarkdownIt("commonmark").enable("table")


def tokens(markdown: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(markdown):
        yield token
        yield from token.children or ()


def shown(markdown: str) -> str:
    """The text that a reader sees of one line of Markdown."""
    return "".join(token.content for token in tokens(markdown) if token.type in ("text", "code_inline"))


def assert_only_text(markdown: str) -> None:
    kinds = {token.type for token in tokens(markdown)}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "code_inline"}, (markdown, kinds)


@given(texts)
@example("a`b``c")
@example(" ")
@example("")
def test_a_code_span_shows_the_text(text: str) -> None:
    markdown = code(text)
    assert_only_text(f"a {markdown} b")
    assert "\n" not in markdown
    if text and "://" not in text and "@" not in text:
        assert shown_text(text) in shown(f"a {markdown} b")


@given(texts)
def test_a_value_within_a_line_shows_the_text(text: str) -> None:
    markdown = f"label: {inline(text)}, {inline(text)}"
    assert_only_text(markdown)
    if text and "://" not in text and "@" not in text:
        assert shown(markdown) == f"label: {shown_text(text)}, {shown_text(text)}"


@given(texts)
@example("`a`b|c`d")
@example("`a`b`c")
@example("`video`: recordings or pictures of people")
def test_a_sentence_is_text_and_code(text: str) -> None:
    assert_only_text(f"a {sentence(text)} b")
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens(f"- {sentence(text)}")}
    assert not kinds & {"html_block", "html_inline", "link", "image", "heading", "fence", "hr", "em", "strong"}


def test_sentences_of_the_package_stay_readable() -> None:
    for text in (
        "`video`: recordings or pictures of people",
        "`file_name`: names of files; rows are named by `uuid`",
        "Please determine which emotion label in the video represents: happy, sad, neutral.",
        "it holds 10% of the rows, as OpenFace's files (or others) say",
    ):
        assert sentence(text) == text
    assert sentence("resnet18 with a.pth, clip") == "resnet18 with `a.pth`, clip"
    for text in ("MW", "NonMW", "no_frames", "2.10.0+cu128", "3.11.7", "opencv-python-headless", "4", "Müller"):
        assert inline(text) == text


@given(st.lists(texts, min_size=1, max_size=3))
def test_a_row_of_a_table_is_a_row(values: list[str]) -> None:
    cells = [cell(f"{code(text)}, {inline(text)}") for text in values]
    heading = " | ".join("h" for _ in values)
    rule = " | ".join("---" for _ in values)
    markdown = f"| {heading} |\n| {rule} |\n| {' | '.join(cells)} |\n"
    found = list(tokens(markdown))
    assert [token.type for token in found].count("td_open") == len(values)
    assert not {token.type for token in found} & {"html_block", "html_inline", "link_open", "image", "em_open"}


@given(texts)
def test_a_block_is_a_block_and_a_literal_is_the_text(text: str) -> None:
    [fence] = MARKDOWN.parse(block(text, "bibtex"))
    assert fence.type == "fence"
    assert fence.info == "bibtex"
    assert eval(literal(text)) == text
    assert literal(text).isprintable()


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    column, classes = draw(names), draw(st.lists(names, min_size=1, max_size=3, unique=True))
    label = draw(names.filter(lambda text: text not in (column, "facemae", "emollama_status")))
    features = Features(
        {
            column: Value("string"), label: ClassLabel(names=classes), "facemae": List(Value("float32"), length=4),
            "emollama_status": Value("string"),
        }
    )  # fmt: skip
    counts = FileCounts(
        labels={label: dict.fromkeys(classes, 1), column: {draw(storable): 2}},
        status={"ok": 1, draw(names): 2},
        coverage=[1] * COVERAGE_BINS,
    )
    made = {
        "emollama_hf": draw(storable), "python": draw(storable), "libraries": {draw(names): draw(storable)},
        "fingerprint": "0", "given": [draw(storable)],
        "stages": [{"stage": draw(storable), "version": draw(storable), "model": None,
                    "config": {draw(names): draw(storable), "instruction": draw(names)}}],
        "model": {
            "name": draw(storable), "random_weights": draw(st.booleans()), "digests": {draw(names): draw(storable)},
            "checkpoints": [{"source": draw(storable), "name": draw(storable), "size": 3, "sha256": draw(storable)}],
            "converter": draw(storable), "lora_alpha": draw(storable),
        },
    }  # fmt: skip
    files = {"data/train-00000-0123456789ab.parquet": FeatureFile("0" * 64, 10, "0" * 64, counts)}
    config = FeatureConfig(made, features, files, RowKey(column), withheld=(f"`{draw(names)}`: {draw(storable)}",))
    configs = {"default": config, "b": config} if draw(st.booleans()) else {"default": config}
    return replace(Manifest(configs), license=draw(storable) or None, citation=draw(storable) or None)


@settings(max_examples=50, deadline=None)
@given(manifest=manifests(), name=names)
def test_a_card_shows_nothing_that_the_package_did_not_write(manifest: Manifest, name: str) -> None:
    text = write_card(manifest, open_directory, name=name)
    card = DatasetCard(text)
    data = card.data.to_dict()
    assert data.get("license") == manifest.license
    assert data["pretty_name"] == shown_text(f"{name}: Emotion-LLaMA features of video clips")
    info = data["dataset_info"]
    info = info[0] if isinstance(info, list) else info
    assert [column["name"] for column in info["features"]] == list(manifest.configs["default"].features)
    assert Features._from_yaml_list(info["features"]) == manifest.configs["default"].features
    found = list(tokens(card.text))
    assert not {token.type for token in found} & {"html_block", "html_inline"}
    assert {token.attrs["href"] for token in found if token.type == "link_open"} == {
        "https://github.com/ZebangCheng/Emotion-LLaMA"
    }
    pictures = {token.attrs["src"] for token in found if token.type == "image"}
    assert pictures == {"face_coverage.png", *["face_coverage-b.png"] * (len(manifest.configs) > 1)}
    plain = write_card(SIMPLE if len(manifest.configs) == 1 else TWO, open_directory, name="a")
    assert headings(card.text) == headings(DatasetCard(plain).text)
    assert shown_text(text, lines=True) == text  # the metadata, too
    updated = update_card(text, manifest)
    assert DatasetCard(updated).data.to_dict() == data
    assert shown_text(updated, lines=True) == updated


def headings(text: str) -> int:
    return sum(token.type == "heading_open" for token in tokens(text))


SIMPLE = Manifest(
    {
        "default": FeatureConfig(
            {"emollama_hf": "1", "python": "3", "libraries": {}, "given": [], "stages": []},
            Features({"facemae": List(Value("float32"), length=4)}),
            {"data/train-00000-0123456789ab.parquet": FeatureFile("0" * 64, 10, "0" * 64, FileCounts())},
            withheld=("x",),
        )
    }
)
TWO = Manifest({"default": SIMPLE.configs["default"], "b": SIMPLE.configs["default"]})


def test_a_link_to_data_is_refused_by_none_of_the_above() -> None:
    """The parser that the tests ask does see what they look for."""
    kinds = {token.type for token in tokens("<b>[x](http://a) ![](b.png)</b>\n\n<div>\n")}
    assert {"html_inline", "link_open", "image", "html_block"} <= kinds


@pytest.mark.parametrize("text", ["hf_SECRETsecretSECRETsecretSECRET12", "https://u:pw@h/a?sig=x"])
def test_cards_hold_no_secrets(text: str) -> None:
    assert text not in code(text) + inline(text) + sentence(text) + block(text)


@given(st.dictionaries(names, storable, min_size=1, max_size=3))
@example({"a\u202ab": "c\u202ad"})
@example({"\ufeff": "\x85"})
def test_metadata_is_printable_and_says_what_was_meant(values: dict[str, str]) -> None:
    text = card_yaml({"pretty_name": "a", "features": [values, {"names": values}]})
    assert shown_text(text, lines=True) == text
    assert yaml.safe_load(text) == {"pretty_name": "a", "features": [values, {"names": values}]}


def test_plain_metadata_is_written_as_huggingface_hub_writes_it() -> None:
    data = DatasetCardData(
        pretty_name="Müller: 'a' 日本", tags=["a", "1", "true"], license="mit", size_categories=["n<1K"]
    )
    assert card_yaml(data.to_dict()) == data.to_yaml()


def test_an_edited_card_keeps_the_order_of_its_metadata_and_its_line_breaks() -> None:
    edited = "---\r\ntask: b\u202a\r\nlicense: mit\r\nconfigs: []\r\n---\r\n\r\nText.\r\n"
    updated = update_card(edited, SIMPLE)
    assert updated.startswith('---\r\ntask: "b\\u202A"\r\nlicense: mit\r\n')
    assert updated.endswith("---\r\n\r\nText.\r\n")
