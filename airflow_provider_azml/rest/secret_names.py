"""Names that say that nobody is to see what they stand for."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?:^|[_.])(?:passwords?|passwd|passphrase|secrets?|tokens?|credentials?|sas|pat)(?:$|[_.])"
    r"|(?:api|access|account|private|shared)_?key|connection_?string",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether the name of an input says that nobody is to see its value.

    Example:
        >>> is_secret("api_key"), is_secret("tokenizer")
        (True, False)
    """
    return _SECRET.search(name) is not None
