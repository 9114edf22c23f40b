"""Publishing features: to the Hub, to any file system of fsspec, to a directory.

    rows ─► withhold ─► review ─► compare with what is published ─► new files, staged ─► scan ─► one commit

Nothing leaves the machine before all that would has been looked at.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from datasets import Dataset, Features

from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.manifest import FeatureConfig, Manifest
from emollama_hf.feature_set.opening import ANYWHERE
from emollama_hf.frames.source import shown_name
from emollama_hf.privacy.gate import check_files
from emollama_hf.sharing.difference import check_same, choose_config
from emollama_hf.sharing.names.names_table import names_of, names_table, remember_names
from emollama_hf.sharing.names.row_names import RowNames
from emollama_hf.sharing.new_files import merged_config, write_new_files
from emollama_hf.sharing.places.folder_place import FolderPlace
from emollama_hf.sharing.places.missing_files import check_sent_again, split_present
from emollama_hf.sharing.places.open_place import check_config_name, check_revision, open_place
from emollama_hf.sharing.places.place import Changes, Place, PlaceChangedError
from emollama_hf.sharing.published_rows import PublishedRows, joined_features
from emollama_hf.sharing.push_options import PushOptions
from emollama_hf.sharing.push_plan import PushPlan, lacking_labels, plan_rows, row_digests
from emollama_hf.sharing.pushed import Pushed
from emollama_hf.sharing.review import Review, ReviewOnce, warn
from emollama_hf.sharing.reviewed_publication import reviewed_publication
from emollama_hf.sharing.source_rows import SourceRows, open_rows
from emollama_hf.sharing.staged_card import stage_card
from emollama_hf.sharing.staging import staging_folder
from emollama_hf.sharing.stated_making import with_making
from emollama_hf.sharing.without_features import check_features
from emollama_hf.stages.transform import Transform

logger = package_logger(__name__)

#: Times that a push starts again because somebody else was faster.
ATTEMPTS = 3
ABANDONED_S = 86_400


@no_secrets()
def push(
    ds_or_dir: Dataset | str | os.PathLike[str],
    target: str | os.PathLike[str],
    private: bool = True,
    media: bool = False,
    config_name: str | None = None,
    revision: str | None = None,
    tag: str | None = None,
    *,
    key: str | None = None,
    hash_keys: bool = False,
    key_secret: str | bytes | None = None,
    names: bool = False,
    include: Collection[str] = (),
    drop: Collection[str] = (),
    review: Review | None = None,
    replace: bool = False,
    include_forgotten: bool = False,
    made_by: Transform | Sequence[Transform] | None = None,
    license: str | None = None,
    citation: str | None = None,
    rewrite_card: bool = False,
) -> Pushed:
    """Publish features without faces, and without names and paths of those who made them.

    Columns that stages computed, numbers, short texts and class labels are published; all others are left out, and
    listed, unless somebody names them.

    ds_or_dir: the directory that `extract` wrote, or a data set with feature columns.
    target: a repository on the Hub, "org/name"; a URL of any fsspec scheme, "s3://bucket/path"; a directory.
    private: make the repository private if it is new, and refuse one that is public.
    media: publish recordings and pictures of people, too.
    config_name: configuration of the data set; by default the one that was made in the same way, "default" for the
        first, and for a set of other columns one named after these.
    revision: branch of the repository. tag: a name for the new commit, such as "v1".
    key: column that names rows; by default the first of uuid, id, clip_id, name, file_name. Names of files, as those in
        name and file_name, and names that repeat those of the rows' files are published as hashes. hash_keys: publish
        other names as hashes, too. key_secret: hash with this secret, so that nobody else can check a guess. names:
        publish names of files in clear.
    include: columns to publish all the same: lists, arrays, long texts, structures, names of files; "p*" names all of
        p0, p1, ... What shows people, is bytes, or is numbers that look like a picture, a film or a sound needs
        media=True as well. drop: columns to keep back.
    review: is called with the columns that are about to leave, before anything is written, and returns the names of
        those to hold back, as the command does after asking. Without it nobody is asked, and a warning names the
        columns that look like a person, a moment or a place.
    replace: whether rows may replace published ones of the same names; rows that had no features are always replaced
        by those that have. include_forgotten: publish rows again that `forget` took out.
    made_by: the stage that made the features, or a list of stages, for a data set that does not say so itself, as after
        `map`.
    license: identifier of the Hub, such as "cc-by-nc-4.0". citation: BibTeX. rewrite_card: also if somebody edited it.

    Where a directory is pushed and its rows are named by hashes, `<directory>.names.csv` beside it says which published
    name is whose. It is never published. For a data set, `emollama_hf.sharing.names.row_names.hash_name(name, secret)`
    computes the published name of each row.

    Rows that are published already with the same values are not sent again, so that a push which was interrupted, or
    which brings new clips, sends what is missing. Readers of a Hub repository see the state before or the one after;
    elsewhere README.md is written last.
    Raises ShareError, and publishes nothing, if the source has no features; if what would be sent holds a picture, a
    recording or an absolute path; if it was made with another model or settings than what is there; if rows are there
    with other values; if the place cannot be reached. What was uploaded by then is not uploaded again by the next call.

        >>> push("features", "org/mindwandering-emollama", tag="v1").rows
        3437
    """
    if not isinstance(media, bool) or not isinstance(private, bool):
        raise ShareError(f"private={private!r}, media={media!r}: expected True or False")
    if names and (hash_keys or key_secret is not None):
        raise ShareError("--names publishes names of files in clear, and --hash-keys and --key-secret hash them. "
                         "Choose one (names=, hash_keys=, key_secret=).")  # fmt: skip
    if config_name is not None:
        check_config_name(config_name)
    if tag is not None:
        check_revision(tag, "tag")
    open_place(target, revision=revision).check_apart(ds_or_dir)
    rows = open_rows(ds_or_dir, config_name=config_name, key=key)
    secret = key_secret.encode() if isinstance(key_secret, str) else key_secret
    options = PushOptions(
        media=media,
        config_name=config_name,
        key=key,
        hash_keys=hash_keys,
        names=names,
        secret=secret,
        include=_columns(include),
        drop=_columns(drop),
        review=None if review is None else ReviewOnce(review),
        replace=replace,
        include_forgotten=include_forgotten,
        license=license,
        citation=citation,
        rewrite_card=rewrite_card,
    )
    check_features(rows.features, "the data set" if rows.directory is None else shown_name(str(rows.directory)))
    if made_by is not None:
        rows = with_making(rows, made_by)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            done = _push_once(rows, open_place(target, revision=revision), options, private=private, tag=tag)
            break
        except PlaceChangedError:
            if attempt == ATTEMPTS:
                raise
            logger.warning("%s was changed by somebody else meanwhile; looking at it again.", target)
    for line in done.withheld:
        logger.info("left out: %s", line)
    if review is None:
        warn(done.published, options.include)
    return done


def _columns(names: Collection[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _push_once(rows: SourceRows, place: Place, options: PushOptions, *, private: bool, tag: str | None) -> Pushed:
    place.check_writable(private=private)
    before = place.manifest() or Manifest({})
    name = options.config_name or choose_config(before, rows.made, rows.features)
    check_config_name(name)
    stated = before.configs.get(name)
    _check_published(place, before)
    forgotten = () if options.include_forgotten else before.forgotten
    there, gone = split_present(place, stated)
    of_set = [one.key for one in before.configs.values() if one.key is not None]
    review = reviewed_publication(rows, there, options, of_set)
    publication = review.publication
    if there is not None:
        _check_same(place, name, there, rows.made, publication.features)
    features = publication.features if there is None else there.features
    lacking = [] if there is None else lacking_labels(there.features, publication.features)
    key = publication.names.key.column
    if there is not None:
        features = joined_features(there, PublishedRows(rows, publication, publication.features, ()), key, forgotten)
    source = PublishedRows(rows, publication, features, lacking)
    digests = row_digests(source.tables("Comparing rows"), key)
    check_sent_again(place, gone, digests, replace=options.replace)
    plan = plan_rows(digests, there, replace=options.replace, forgotten=forgotten, lacking=lacking)
    with staging_folder() as folder:
        files = write_new_files(place, name, there, source, plan, key, folder)
        config = merged_config(there, rows, publication, features, files)
        manifest = replace(
            before.with_config(name, config),
            license=options.license or before.license,
            citation=options.citation or before.citation,
        )
        texts = stage_card(place, before, manifest, folder / "new", rewrite=options.rewrite_card)
        write = {path: folder / "new" / path for path in files if (folder / "new" / path).is_file()} | texts.write
        check_files(write, pictures=texts.pictures, media_columns=publication.media)
        old = {} if stated is None else stated.files
        delete = [path for path in old if path not in files] + texts.delete + _abandoned(place, manifest)
        table = _names_table(rows, publication.names, forgotten)
        place.publish(Changes(write, delete), _message(plan, name), tag=tag)
    return Pushed(
        place=place.name,
        config=name,
        key=publication.names.key,
        rows=config.rows,
        added=len(plan.digests) - len(plan.replaced),
        replaced=len(plan.replaced),
        unchanged=plan.unchanged,
        forgotten=plan.forgotten,
        files=tuple(write),
        withheld=tuple(dict.fromkeys([*rows.withheld, *publication.withheld])),
        opening=place.opening(name, config).replace(ANYWHERE, place.name),
        card_kept=texts.card_kept,
        published=review.columns,
        names_table=table,
        held_back=review.held_back,
    )


def _check_published(place: Place, before: Manifest) -> None:
    """Raise ShareError for a directory that `extract` wrote: its rows have their names in clear."""
    if any(config.key is None for config in before.configs.values()):
        raise ShareError(
            f"{place.name} holds what extract wrote, and not what was pushed: names of rows are in clear there. Push "
            "to another place, or add to it with extract (--add)."
        )


def _names_table(rows: SourceRows, names: RowNames, forgotten: Collection[str]) -> str | None:
    """Write down which published row is whose, beside the directory that is pushed; the table's path."""
    if rows.directory is None or names.key.hashed is None or names.ready:
        return None
    table = names_table(rows.directory)
    around = next((folder for folder in table.parents if is_feature_set(folder)), None)
    if around is not None:
        raise ShareError(
            f"{around} is a feature data set, {rows.directory} lies in it, and so would the table that says which row "
            "is whose. Move one of the two directories out of the other."
        )
    remember_names(table, names_of(rows.tables([names.key.column]), names, forgotten=tuple(forgotten)))
    return str(table)


def _check_same(place: Place, name: str, there: FeatureConfig, made: Mapping[str, Any], features: Features) -> None:
    found = check_same(there, made, features)
    if found:
        raise ShareError(
            f"configuration {name!r} of {place.name} was made in another way: {'; '.join(found)}. Extract with the "
            "same model and settings, or push to another configuration (--config, config_name=)."
        )


def _abandoned(place: Place, manifest: Manifest) -> list[str]:
    """Files that a push left which did not go on within a day."""
    named = [path for config in manifest.configs.values() for path in config.files]
    if not isinstance(place, FolderPlace):
        return []
    return [path for path in place.leftovers(named) if place.age_s(path) > ABANDONED_S]


def _message(plan: PushPlan, name: str) -> str:
    parts = [f"add {len(plan.digests) - len(plan.replaced)} clips"] if len(plan.digests) > len(plan.replaced) else []
    parts += [f"replace {len(plan.replaced)}"] if plan.replaced else []
    return f"emollama_hf: {', '.join(parts) or 'update the card'} ({name})"
