# SPDX-License-Identifier: MIT
"""What can go wrong, as exceptions."""
from __future__ import annotations

from typing import Iterable, List, Optional


class Error(Exception):
    """Anything that libmodel reports.

    code: the library's stable status number (0 when Python found the problem);
    section, offset: where in a model file, when that is known.
    """

    def __init__(self, text: str, code: int = 0, section: str = "",
                 offset: Optional[int] = None) -> None:
        super().__init__(text)
        self.code = code
        self.section = section
        self.offset = offset


class FormatError(Error):
    """The bytes are no model file, or one that is damaged or too new."""


class UnsupportedError(Error):
    """Something that libmodel cannot run.  `parts` names every such part at once."""

    def __init__(self, text: str, code: int = 0, section: str = "",
                 offset: Optional[int] = None, parts: Iterable[str] = ()) -> None:
        super().__init__(text, code, section, offset)
        self.parts: List[str] = list(parts) or [text]


class DataError(Error, ValueError):
    """Rows that do not fit the model: columns, names, types or shapes."""


def unsupported(parts: Iterable[str]) -> UnsupportedError:
    """One exception for all parts, each said once."""
    parts = list(dict.fromkeys(parts))
    return UnsupportedError("not supported: " + "; ".join(parts), parts=parts)
