"""The five documents that the project was created from, block by block.

They lie in ``../shared/seeds``. A block is a piece of code in one of them: what stands between fences, what is included
from elsewhere, a command in the middle of a sentence; in the one that has no fences, what looks like code. It is called
after the number of its document, the English name of its section, and its place there: ``000-compute-clusters-2``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEDS = Path(__file__).parents[3] / "shared" / "seeds"
NUMBERS = ("000", "001", "002", "003", "004")
_HEADING = re.compile(r'#{2,} .*?<a name="([^"]+)">')
_FENCE = re.compile(r"\s*```(\S*)")
_INCLUDED = re.compile(r':::code .*id="([^"]+)":::')
_IN_A_SENTENCE = re.compile(r"`(az [^`]+)`")
_OF_PLAIN_TEXT = re.compile(r'az |# Add |\{$|\$schema: |"/subscriptions/')
_IN_PLAIN_TEXT = re.compile(r"(?<![A-Za-z])az [ -~]+")
_ENGLISH = {
    "Azure サブスクリプションへの接続": "connect-to-the-azure-subscription",
    "リソース グループを作成する": "create-a-resource-group",
    "ワークスペースの作成": "create-a-workspace",
    "YAML 構成ファイル": "yaml-configuration-file",
    "プライベート ネットワーク接続": "private-network-connectivity",
    "カスタマー マネージド キー": "customer-managed-key",
    "ワークスペース情報の取得": "get-workspace-information",
    "ワークスペースの更新": "update-a-workspace",
    "依存リソースのキーの同期": "sync-keys",
    "ワークスペースを削除する": "delete-a-workspace",
}
"""Headings of the document without anchors, as its English original has them."""


@dataclass(frozen=True)
class Block:
    """A piece of code.

    Args:
        name: What it is called.
        language: What its fence says; ``included`` and ``sentence`` for what has none.
        text: The code; of what is included, the name.
    """

    name: str
    language: str
    text: str

    @property
    def test(self) -> str:
        """The name of the test that it has."""
        return f"test_{self.name.replace('-', '_')}"

    def other(self, number: int) -> Block:
        """Another block of the same section."""
        return self.named(f"{self.name.rpartition('-')[0]}-{number}")

    @staticmethod
    def named(name: str) -> Block:
        """The block of a name."""
        return next(each for each in blocks().values() if each.name == name)


def text(number: str) -> str:
    """A whole document."""
    (file,) = SEEDS.glob(f"{number}_*.txt")
    return file.read_text(encoding="utf-8")


@cache
def blocks() -> dict[str, Block]:
    """All blocks, by the names of their tests; none where the documents are not there."""
    if not SEEDS.is_dir():
        return {}
    found = [block for number in NUMBERS for block in _numbered(number)]
    return {block.test: block for block in found}


def _numbered(number: str) -> Iterator[Block]:
    whole = text(number)
    pieces = list(_of_markdown(whole) if "```" in whole else _of_plain_text(whole))
    counts: dict[str, int] = {}
    for section, language, code in pieces:
        fenced = [other for _, kind, other in pieces if kind != "sentence"]
        if language == "sentence" and any(f"{other} ".startswith(f"{code} ") for other in fenced):
            continue  # a command that stands in a fence as well
        counts[section] = counts.get(section, 0) + 1
        yield Block(f"{number}-{section}-{counts[section]}", language, code)


def _of_markdown(whole: str) -> Iterator[tuple[str, str, str]]:
    """Section, language and code of each block."""
    section, fence, lines = "", None, list[str]()
    for line in whole.splitlines():
        opened = _FENCE.match(line)
        if opened and fence is None:
            fence, lines = opened[1], []
        elif opened:
            indent = min((len(each) - len(each.lstrip()) for each in lines if each.strip()), default=0)
            yield section, str(fence), "\n".join(each[indent:] for each in lines).strip()
            fence = None
        elif fence is not None:
            lines.append(line)
        elif heading := _HEADING.match(line):
            section = heading[1]
        elif included := _INCLUDED.match(line):
            yield section, "included", included[1]
        else:
            yield from ((section, "sentence", command) for command in _IN_A_SENTENCE.findall(line))


def _of_plain_text(whole: str) -> Iterator[tuple[str, str, str]]:
    section, code = "", list[str]()
    for line in [*whole.splitlines(), ""]:
        stripped = line.strip()
        if code and _goes_on(code, stripped):
            code.append(stripped if code[0].startswith(("az ", "#")) else line)
        else:
            if code:
                yield section, _language(code[0]), "\n".join(code)
            code = [stripped] if _OF_PLAIN_TEXT.match(stripped) else []
            section = _ENGLISH.get(stripped, section)
            if not code:
                yield from ((section, "sentence", command.strip()) for command in _IN_PLAIN_TEXT.findall(line))


def _goes_on(code: list[str], line: str) -> bool:
    if code[0] == "{":
        return code[-1] != "}"
    if code[0].startswith("$schema"):
        return bool(line)
    return code[-1].endswith("\\") or code[-1].startswith("#")


def _language(first: str) -> str:
    return {"{": "json", "$": "yaml", '"': "text"}.get(first[0], "azurecli")
