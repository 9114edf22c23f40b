"""JSON files that people read, too."""

from __future__ import annotations

import json
from typing import Any


def json_text(value: Any) -> str:
    """The text of a JSON file: indented, in UTF-8 characters, with a line break at the end.

    Args:
        value: What `json.dumps` takes.

    Returns:
        The text.

    Example:
        >>> json_text({"name": "é"})
        '{\\n  "name": "é"\\n}\\n'
    """
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
