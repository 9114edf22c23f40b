"""What a feature data set's README says to `datasets` and the Hub: where the rows are, their types, what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import DatasetInfo, Features
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from emollama_hf.feature_set.card.card_yaml import card_yaml
from emollama_hf.feature_set.manifest import DEFAULT_CONFIG


def readme_metadata(configs: Mapping[str, tuple[Features, str | Sequence[str]]], **more: Any) -> str:
    """The YAML block at the top of README.md, as `push_to_hub` writes it, with its two lines of dashes.

    configs: for each configuration the types of its columns, to which `load_dataset` casts what Parquet cannot say
    (`write_parquet`), and the files of its split train: a pattern or paths, relative to the README. Without a
    configuration "default", the first is the one that opens without a name. more: other keys, such as license.

    The number of rows is left out: with it, `load_dataset(..., filters=[("emollama_status", "==", "ok")])` is refused.

        >>> print(readme_metadata({"default": (Features({"id": Value("int32")}), "data/train-*.parquet")}))
        ---
        dataset_info:
          features:
          - name: id
            dtype: int32
        configs:
        - config_name: default
          data_files:
          - split: train
            path: data/train-*.parquet
        ---
    """
    card = DatasetCardData(**more)
    DatasetInfosDict(
        {name: DatasetInfo(features=features, config_name=name) for name, (features, _) in configs.items()}
    ).to_dataset_card_data(card)
    entries: dict[str, dict[str, Any]] = {}
    for name, (_, files) in configs.items():
        paths = files if isinstance(files, str) else files[0] if len(files) == 1 else list(files)
        entries[name] = {"data_files": [{"split": "train", "path": paths}]}
    if len(entries) > 1 and DEFAULT_CONFIG not in entries:
        next(iter(entries.values()))["default"] = True
    MetadataConfigs(entries).to_dataset_card_data(card)
    return f"---\n{card_yaml(card.to_dict())}\n---\n"
