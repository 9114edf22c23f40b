"""What a feature data set's README says to `datasets`: where the rows are and what type each column has."""

from __future__ import annotations

from collections.abc import Mapping

from datasets import DatasetInfo, Features
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData


def readme_metadata(features: Features, data_files: Mapping[str, str], *, config_name: str = "default") -> str:
    """The YAML block at the top of README.md, as `push_to_hub` writes it, with its two lines of dashes.

    features: types of the columns; `load_dataset` casts to them what Parquet cannot say (`write_parquet`).
    data_files: a path or pattern for each split, relative to the README.

    The number of rows is left out: with it, `load_dataset(..., filters=[("emollama_status", "==", "ok")])` is refused.

        >>> print(readme_metadata(Features({"id": Value("int32")}), {"train": "data/train-*.parquet"}))
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
    card = DatasetCardData()
    DatasetInfosDict({config_name: DatasetInfo(features=features)}).to_dataset_card_data(card)
    files = [{"split": split, "path": path} for split, path in data_files.items()]
    MetadataConfigs({config_name: {"data_files": files}}).to_dataset_card_data(card)
    return f"---\n{card}\n---\n"
