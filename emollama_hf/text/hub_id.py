"""Hub ids in the form OWNER/NAME.

Not `huggingface_hub.utils.validate_repo_id`: it takes a name without an owner, too, which a directory may have, and an
id that the Hub would refuse is better answered by the Hub than by "no such directory".
"""

from __future__ import annotations

import re

#: Pattern of an id of a model or a data set.
HUB_ID = r"\w[\w.-]*/\w[\w.-]*"
_HUB_ID = re.compile(HUB_ID)


def is_hub_id(text: str) -> bool:
    """Whether a text has the form of a Hub id, which a relative path may have as well.

    Args:
        text: The text.

    Returns:
        Whether it is OWNER/NAME, both of letters, digits, "_", "." and "-", and begun by one of the first three.

    Example:
        >>> is_hub_id("meta-llama/Llama-2-7b-chat-hf"), is_hub_id("./models/llama")
        (True, False)
    """
    return _HUB_ID.fullmatch(text) is not None
