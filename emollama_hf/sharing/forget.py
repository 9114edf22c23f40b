"""Taking rows of a participant who withdraws out of a shared set, wherever it is shared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features
from filelock import FileLock

from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import FeatureConfig, FeatureFile, Manifest
from emollama_hf.feature_set.row_notes import RowNote, known_rows, note_rows
from emollama_hf.feature_set.set_paths import README
from emollama_hf.files.links import leads_out, links_out
from emollama_hf.files.small_file import read_small
from emollama_hf.privacy.gate import check_files
from emollama_hf.sharing.left_out_lines import public_lines
from emollama_hf.sharing.names.class_names import Condition, Rule, nested_class_names, unused_names, without_names
from emollama_hf.sharing.names.file_names import stems_of
from emollama_hf.sharing.names.forgotten_names import clear_names_table, names_that_go
from emollama_hf.sharing.names.names_that_stay import names_that_stay
from emollama_hf.sharing.names.row_names import forgotten_name, hash_name
from emollama_hf.sharing.places.folder_place import FolderPlace
from emollama_hf.sharing.places.hub_place import HubPlace
from emollama_hf.sharing.places.open_place import open_place
from emollama_hf.sharing.places.place import Changes, Place
from emollama_hf.sharing.rewrite import Rewritten, check_as_published, replaced_entry, rewrite_without
from emollama_hf.sharing.staged_card import StagedCard, stage_card
from emollama_hf.sharing.staging import staging_folder
from emollama_hf.text.few_of_many import few_and_dots
from emollama_hf.work_store.forgetting import keep_only, remove_store
from emollama_hf.work_store.work_store import INSIDE_OUT, is_work_store


@dataclass(frozen=True)
class Forgotten:
    """rows: how many rows are gone, over all configurations. rewritten, deleted: files.

    still_held_by: what still holds them and how to be rid of it, a sentence each.
    """

    place: str
    rows: int
    rewritten: int
    deleted: int
    still_held_by: tuple[str, ...]


@no_secrets()
def forget(
    target: str | Path,
    where: Mapping[str, object],
    *,
    revision: str | None = None,
    squash: bool = False,
    key_secret: str | bytes | None = None,
) -> Forgotten:
    """Rewrite a shared set without some of its rows, and its card and provenance, which count them.

    target: a repository on the Hub, a URL, a directory, also one that `extract` writes: there the work store, which has
    face crops, is cleared of all rows but those that stay, too.
    where: values that the rows to be forgotten have, such as {"participant_id": "P12"}; all of them have to fit. A
        value of a hashed key is given as it was before it was hashed, or as its hash. key_secret: what it was hashed
        with.
    revision: branch. squash: on the Hub, also remove the branch's history and the contents of the old files for good.

    Run again after an interruption, it goes on. Raises ShareError if no row fits, or no such column is there.

        >>> forget("org/mindwandering-emollama", {"participant_id": "P12"}).rows
        26
    """
    if not where:
        raise ShareError("nothing says which rows to forget. Give --where COLUMN=VALUE (where={column: value}).")
    place = open_place(target, revision=revision)
    if squash and not isinstance(place, HubPlace):
        raise ShareError(f"{place.name} is no Hub repository and has no history to squash. Leave squash out.")
    manifest = place.manifest()
    if manifest is None:
        raise ShareError(f"{place.name} holds no feature data set: there is no provenance.json.")
    secret = key_secret.encode() if isinstance(key_secret, str) else key_secret
    with _extract_waits(place), staging_folder() as folder:
        after, rewritten = _without(place, manifest, where, secret, folder)
        found = sum(one.kept.count(False) for one in rewritten.values())
        gone = [path for path in _files(manifest) if path not in _files(after)]
        leftovers = place.leftovers([*_files(manifest), *_files(after)])
        if not rewritten and not leftovers and not squash:
            raise ShareError(f"no row of {place.name} has {_words(where)}.{_known(manifest, where)}")
        changes, texts = _staged(place, manifest, after, folder, [*gone, *leftovers])
        stays = _said_still(place, manifest, after, rewritten, where, texts)
        clear_names_table(place, manifest, rewritten)
        _clear_work_store(place, manifest, rewritten)  # first: who is interrupted here finds the rows once more
        place.publish(changes, f"emollama_hf: forget {found} clips")
    return Forgotten(
        place.name,
        rows=found,
        rewritten=len([path for path in _files(after) if path not in _files(manifest)]),
        deleted=len(gone) + len(leftovers),
        still_held_by=(*stays, *_held(place, squash, found)),
    )


def _without(
    place: Place, manifest: Manifest, where: Mapping[str, object], secret: bytes | None, folder: Path
) -> tuple[Manifest, dict[str, Rewritten]]:
    """The manifest without the rows, and what became of the files that had some; the new ones are in `folder`."""
    if not any(all(column in config.features for column in where) for config in manifest.configs.values()):
        columns = dict.fromkeys(name for config in manifest.configs.values() for name in config.features)
        keys = dict.fromkeys(config.key.column for config in manifest.configs.values() if config.key is not None)
        raise ShareError(
            f"{place.name} has no rows with the columns {', '.join(where)}; it has {', '.join(columns)}. Say which "
            f"rows by what names them ({', '.join(f'--where {key}=NAME' for key in keys) or '--where'}): the table of "
            "names beside the directory that was pushed has the names."
        )
    if isinstance(place, FolderPlace) and place.is_local:  # a row that damage hides would not be forgotten
        for path, file in _files(manifest).items():
            check_as_published(place, path, place.fetch(path, folder), file)
    goes: dict[str, Condition] = {}
    for name, config in manifest.configs.items():
        if all(column in config.features for column in where):
            wanted = _published(where, config, secret)
            holding = [path for path, file in config.files.items() if _holds(place, path, file, wanted, config)]
            goes[name] = Condition(list(where), _rule(wanted, config.features), holding)
    gone = unused_names(place, manifest, goes, {column: {str(value)} for column, value in where.items()})
    rewritten: dict[str, Rewritten] = {}
    for name, config in manifest.configs.items():
        holding = list(goes[name].files) if name in goes else []
        after = without_names(config.features, gone[name]) if name in gone else None
        files = dict(config.files)
        for path in config.files if after is not None else holding:
            rewritten[path] = rewrite_without(
                place, path, config.files[path], config.features, goes[name].rule if path in holding else _none, folder,
                config=name, key=None if config.key is None else config.key.column, after=after,
            )  # fmt: skip
            files = replaced_entry(files, path, rewritten[path].new)
        names = [
            row
            for path, file in config.files.items() if path in rewritten
            for row, stays in zip(file.rows, rewritten[path].kept, strict=False) if not stays
        ]  # fmt: skip
        forgotten = tuple(dict.fromkeys([*config.forgotten, *map(forgotten_name, names)]))
        features = after or config.features
        manifest = manifest.with_config(name, replace(config, files=files, features=features, forgotten=forgotten))
    left = {name: config for name, config in manifest.configs.items() if config.files}
    if not left:
        raise ShareError(f"every row of {place.name} would be forgotten. Delete it instead: nothing would be left.")
    # What a configuration that is gone had forgotten stays forgotten.
    left = {name: replace(config, forgotten=manifest.forgotten, withheld=_left_out(config))
            for name, config in left.items()}  # fmt: skip
    return replace(manifest, configs=left), rewritten


def _left_out(config: FeatureConfig) -> tuple[str, ...]:
    """What is said of columns that were left out: earlier versions published the names of all."""
    return config.withheld if config.key is None else public_lines(config.withheld, config.features)


def _none(table: pa.Table) -> list[bool]:
    return [False] * table.num_rows


def _published(where: Mapping[str, object], config: FeatureConfig, secret: bytes | None) -> dict[str, str]:
    """The values as they stand in the published rows; the name of a row may be given as it was, or as its hash."""
    wanted, key = {column: str(value) for column, value in where.items()}, config.key
    if key is not None and key.hashed and key.column in wanted:
        if any(wanted[key.column] in file.rows for file in config.files.values()):
            return wanted
        if key.hashed == "hmac-sha256" and secret is None:
            raise ShareError(
                f"{key.column} is hashed with a secret. Give it (--key-secret, key_secret=), or name the rows by "
                "another column."
            )
        wanted[key.column] = hash_name(wanted[key.column], secret)
    return wanted


def _rule(where: Mapping[str, str], features: Features) -> Rule:
    def fits(table: pa.Table) -> list[bool]:
        rows = [True] * table.num_rows
        for column, value in where.items():
            texts = _as_text(table.column(column).to_pylist(), features[column])
            rows = [so_far and text == value for so_far, text in zip(rows, texts, strict=True)]
        return rows

    return fits


def _as_text(values: list[object], feature: object) -> list[str | None]:
    if isinstance(feature, ClassLabel):
        return [None if value is None else feature.names[int(str(value))] for value in values]
    return [None if value is None else str(value) for value in values]


def _holds(place: Place, path: str, file: FeatureFile, where: Mapping[str, str], config: FeatureConfig) -> bool:
    """Whether a file has such a row, found out with as little reading as possible: it may be far away."""
    if config.key is not None and where.get(config.key.column, None) is not None and file.rows:
        return where[config.key.column] in file.rows
    rule, columns = _rule(where, config.features), list(where)
    with place.open(path) as remote, pq.ParquetFile(remote, pre_buffer=False) as opened:
        for group in range(opened.num_row_groups):
            if _may_hold(opened.metadata.row_group(group), where, config.features):
                table = opened.read_row_group(group, columns=columns, use_threads=False)
                if any(rule(table)):
                    return True
    return False


def _may_hold(group: pq.RowGroupMetaData, where: Mapping[str, str], features: Features) -> bool:
    """Whether a row group may have such a row, as far as the end of the file tells: of one row it has the value."""
    for index in range(group.num_columns):
        chunk = group.column(index)
        wanted = where.get(chunk.path_in_schema)
        statistics = chunk.statistics if wanted is not None and chunk.is_stats_set else None
        if statistics is None or not statistics.has_min_max or statistics.min != statistics.max:
            continue
        if _as_text([statistics.min], features[chunk.path_in_schema]) != [wanted]:
            return False
    return True


def _staged(
    place: Place, before: Manifest, after: Manifest, folder: Path, delete: list[str]
) -> tuple[Changes, StagedCard]:
    new = folder / "new"
    texts = stage_card(place, before, after, new, rewrite=False)
    write = {path: new / path for path in _files(after) if (new / path).is_file()} | texts.write
    # The rows that stay are published already: what they hold must not keep those of somebody who withdraws.
    check_files(texts.write, pictures=texts.pictures)
    return Changes(write, [*delete, *texts.delete]), texts


def _files(manifest: Manifest) -> dict[str, FeatureFile]:
    return {path: file for config in manifest.configs.values() for path, file in config.files.items()}


def _words(where: Mapping[str, object]) -> str:
    return " and ".join(f"{column}={str(value)!r}" for column, value in where.items())


def _known(manifest: Manifest, where: Mapping[str, object]) -> str:
    """What values there are, where they are few."""
    for config in manifest.configs.values():
        for column in where:
            values = config.counts.labels.get(column, {})
            if values:
                return f" {column} is {few_and_dots(list(values), 10)}."
    return ""


# What else holds the rows, or names who withdrew


def _said_still(
    place: Place,
    before: Manifest,
    after: Manifest,
    rewritten: Mapping[str, Rewritten],
    where: Mapping[str, object],
    texts: StagedCard,
) -> tuple[str, ...]:
    """Where a name stays that no row has any more."""
    nested = dict.fromkeys(name for config in after.configs.values() for name in nested_class_names(config.features))
    lines = [f"The names of classes within {name} are part of its type, and stay: drop the column." for name in nested]
    rows = names_that_go(place, before, rewritten)
    classes = {one for name, config in after.configs.items() for column, kind in config.features.items()
               if isinstance(kind, ClassLabel)
               for one in set(before.configs[name].features[column].names) - set(kind.names)}  # fmt: skip
    names = {one for one in {*map(str, where.values()), *rows, *classes} if one}
    if texts.card_kept:
        card = read_small(texts.write[README]) if README in texts.write else place.read(README) or b""
        named = sorted(one for one in names if one.encode() in card)
        if named:
            lines.append(f"README.md was edited there, and still says {', '.join(map(repr, named))}: take it out.")
    stems = {stem for name in names for stem in stems_of(name)}
    return (*lines, *names_that_stay(after, place.title, names | stems))


def _held(place: Place, squash: bool, found: int) -> tuple[str, ...]:
    table = ("Where it was pushed from, the table of names (OUT.names.csv) still has them: forget them in OUT, too.",)
    if isinstance(place, HubPlace):
        return (*_held_by_history(place, squash, found), *table)
    if isinstance(place, FolderPlace) and not place.is_local:
        return ("If the bucket keeps versions, earlier ones hold the rows until they are deleted there.", *table)
    if isinstance(place, FolderPlace):
        return (
            "Backups and snapshots of this disk, and what colleagues have copied or loaded, hold the rows.",
            "If the clips still lie where extract reads them, remove them there: it would compute them again.",
            *(("Where this directory was pushed to, the rows are still published: forget them there as well.",)
              if _work_store(place) is not None else table),
        )  # fmt: skip
    return ()


def _held_by_history(place: HubPlace, squash: bool, found: int) -> tuple[str, ...]:
    lines = []
    if squash:
        place.squash("emollama_hf: history removed")
        place.erase_unnamed()
    elif found:
        lines.append("Earlier commits still hold the rows. Remove them with --squash (squash=True).")
    others = place.other_refs()
    if others:
        lines.append(f"So may these branches and tags: {', '.join(others)}. Delete those that do (hf repo tag delete).")
    lines.append("What colleagues have loaded already holds the rows, too: tell them.")
    return tuple(lines)


@contextmanager
def _extract_waits(place: Place) -> Iterator[None]:
    """No run of `extract` writes the folder meanwhile."""
    root = _work_store(place)
    if root is None:
        yield
        return
    outside = [root] if leads_out(place.name, root) else links_out(root)
    if outside:
        raise ShareError(
            f"{outside[0]} is, or lies in, a link to something outside of {place.name}, and forget changes nothing "
            "there. Put the folder itself there, or remove the link and what it leads to, and forget again."
        )
    with FileLock(root / "folder.lock"):
        yield


def _work_store(place: Place) -> Path | None:
    if not isinstance(place, FolderPlace) or not place.is_local:
        return None
    root = Path(place.name) / INSIDE_OUT
    return root if is_work_store(root) else None


def _clear_work_store(place: Place, manifest: Manifest, rewritten: Mapping[str, Rewritten]) -> None:
    """Keep of the work store inside a folder what its remaining rows are made of."""
    root = _work_store(place)
    if root is None:
        return
    known = known_rows(root)
    kept: dict[str, list[RowNote]] = {}
    for path, file in _files(manifest).items():
        if file.content not in known:
            remove_store(root)  # nobody knows which of its rows are whose
            return
        stays = rewritten[path].kept if path in rewritten else [True] * file.counts.rows
        new = rewritten[path].new if path in rewritten else (path, file)
        if new is not None:
            kept[new[1].content] = [note for note, one in zip(known[file.content], stays, strict=True) if one]
    keep_only(root, {key for rows in kept.values() for note in rows for key in note.keys if key is not None})
    # Who is interrupted before the files are replaced needs the keys of the old ones, and nobody their names.
    nameless = {content: [note.without_identity() for note in rows] for content, rows in known.items()}
    note_rows(root, {**nameless, **kept})
