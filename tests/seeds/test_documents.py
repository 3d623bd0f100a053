"""Every piece of code in the five documents has a test of its own, and every command a place in a how-to page."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.seeds.documents import NUMBERS, SEEDS, blocks
from tests.seeds.pages import PAGES, entries, of_page, words

HERE = Path(__file__).parent
COMMANDS = ("azurecli", "azurecli-interactive", "sentence")
needs_documents = pytest.mark.skipif(not SEEDS.is_dir(), reason="needs ../shared/seeds")


def called_after_documents() -> list[str]:
    """The names of all tests in this folder that are called after a document."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(HERE.glob("test_*.py"))]
    named = [each.name for tree in trees for each in tree.body if isinstance(each, ast.FunctionDef)]
    return [name for name in named if name.startswith(tuple(f"test_{number}_" for number in NUMBERS))]


@pytest.mark.shared
@needs_documents
def test_every_block_has_a_test_and_every_test_a_block() -> None:
    assert sorted(called_after_documents()) == sorted(blocks())


@pytest.mark.shared
@needs_documents
def test_nothing_that_looks_like_code_is_overlooked() -> None:
    fences = sum(file.read_text(encoding="utf-8").count("```") for file in SEEDS.glob("*.txt"))
    included = sum(file.read_text(encoding="utf-8").count(":::code") for file in SEEDS.glob("*.txt"))
    languages = [block.language for block in blocks().values() if not block.name.startswith("001-")]
    assert languages.count("included") == included
    assert 2 * (len(languages) - included - languages.count("sentence")) == fences


@pytest.mark.shared
@needs_documents
def test_every_command_of_the_command_lines_is_on_a_page() -> None:
    commands = {block.name: words(block.text) for block in blocks().values() if block.language in COMMANDS}
    assert [name for name, command in commands.items() if command not in entries()] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_each_command_once(page: str) -> None:
    commands = [words(entry.command) for entry in of_page(page)]
    assert len(commands) == len(set(commands))


@pytest.mark.shared
@needs_documents
def test_every_entry_of_a_page_is_done_by_a_test() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(HERE.glob("test_*.py"))]
    constants = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    named = [text for text in constants if isinstance(text, str)]
    done = {words(block.text) for block in blocks().values() if block.language in COMMANDS}
    done |= {words(text) for text in named if text.startswith("az ")}
    calls = tuple(text for text in named if text.endswith("("))  # calls of the SDK are looked up by how they begin
    left = [entry.command for command, entry in entries().items() if command not in done]
    assert [command for command in left if not command.startswith(calls) and command not in named] == []
