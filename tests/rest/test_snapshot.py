from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure.ai.ml._utils._asset_utils import (
    get_content_hash,
    get_ignore_file,
    get_object_hash,
    get_upload_files_from_folder,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import ignore_files, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = (
    "main.py",
    "Zebra.txt",
    "apple.txt",
    "sub/util.py",
    "sub/deep/x.csv",
    "Sub2/y.csv",
    ".hidden",
    "__pycache__/a.pyc",
)
IGNORED = {
    "nothing": {},
    "gitignore": {".gitignore": "*.csv\n# comment\n\n__pycache__/\n"},
    "amlignore wins": {".amlignore": "*.pyc\n", ".gitignore": "*.csv\n"},
    "last pattern wins": {".gitignore": "*.csv\n!deep/x.csv\n!x.csv\n"},
    "folders": {".gitignore": "sub/\n"},
    "a file in an excluded folder": {".gitignore": "sub/\n!sub/util.py\n"},
    "anchored": {".gitignore": "/main.py\nsub/*.py\n"},
    "stars": {".gitignore": "**/deep/\n"},
    "everything below": {".gitignore": "sub/**\n"},
    "spaces": {".gitignore": "  *.csv  \n"},
    "words": {".gitignore": "apple*\n[Zz]ebra.???\n"},
    "all that is in a folder": {".amlignore": "sub/*\n"},
    "all that is in any folder": {".amlignore": "*/*\n"},
    "a set with a caret": {".amlignore": "[^a]*\n"},
    "a slash": {".amlignore": "/\nsub\n"},
    "an empty one wins too": {".amlignore": "", ".gitignore": "*.csv\n"},
    "one in a folder has no say": {"sub/.gitignore": "*\n", "sub/.amlignore": "*\n"},
    "lines of Windows": {".gitignore": "*.csv\r\nsub/deep/\r\n"},
    "a mark at the beginning": {".gitignore": "\ufeff*.csv\n"},
    "taken back below": {".gitignore": "*.csv\n!/Sub2/*\n"},
}
# what azure-ai-ml uploads of these is not all in its hash: it counts no folder that a pattern leaves out
TAKEN_BACK = {
    "all but scripts": {".gitignore": "*\n!*.py\n"},
    "a file of a folder": {".gitignore": "sub\n!sub/util.py\n"},
}


def tree(folder: Path, ignore: dict[str, str]) -> Path:
    root = folder / "My Folder"
    for name in TREE:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}", encoding="utf-8")
    for name, text in ignore.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("name", IGNORED)
def test_files_and_hashes_are_azure_ai_ml_s(name: str, tmp_path: Path) -> None:
    root = tree(tmp_path, IGNORED[name])
    ignore = get_ignore_file(root)
    taken = snapshot.take(root)
    theirs = {name: path for path, name in get_upload_files_from_folder(root, ignore_file=ignore)}
    assert {file.name: file.path.as_posix() for file in taken.files} == theirs
    assert taken.content_hash() == get_content_hash(root, ignore)
    assert taken.object_hash() == get_object_hash(root, ignore)


@pytest.mark.parametrize("name", TAKEN_BACK)
def test_a_file_that_is_taken_back_counts(name: str, tmp_path: Path) -> None:
    root = tree(tmp_path, TAKEN_BACK[name])
    ignore = get_ignore_file(root)
    taken = snapshot.take(root)
    theirs = {name for _, name in get_upload_files_from_folder(root, ignore_file=ignore)}
    assert {file.name for file in taken.files} == theirs
    assert taken.content_hash() == get_content_hash(root, ignore)
    before, counted = get_object_hash(root, ignore), taken.object_hash()
    (root / "sub" / "util.py").write_text("changed", encoding="utf-8")
    assert get_object_hash(root, ignore) == before
    assert snapshot.take(root).object_hash() != counted


LINE = st.lists(
    st.sampled_from([*"ab/!#\\ ]^", "**", "*", "?", "/", "sub", "[ab]", "[!a]", "[^a]", "[]a]", "[a", "*.py", "x.csv"]),
    max_size=6,
).map("".join)
PATHS = (
    "a",
    "b",
    "a/b",
    "sub",
    "sub/x.csv",
    "sub/a/b",
    "b/sub/x.csv",
    "x.csv",
    "a.py",
    "[a",
    " a",
    "#a",
    "!a",
    "../a",
    "é",
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=4))
def test_patterns_mean_what_they_mean_to_azure_ai_ml(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / ".gitignore").write_text("\n".join(lines), encoding="utf-8")
        theirs = get_ignore_file(root)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = {path for path in PATHS if theirs.is_file_excluded(root / path)}
        except (ValueError, re.error):
            with pytest.raises(SpecError, match=r"\.gitignore:\d: .* is no pattern"):
                snapshot.take(root)
            return
        ours = ignore_files.read(root / ".gitignore")
    assert {path for path in PATHS if ours.excludes(path)} == expected
    for path in PATHS:
        if ours.excludes_all_below(path):
            assert all(ours.excludes(f"{path}/{name}") for name in ("q", "x.csv", ".h", "b/c", "]"))


def test_what_cannot_be_kept_is_not_walked(tmp_path: Path) -> None:
    root = tree(tmp_path, {".gitignore": ".venv/\nbuild\n"})
    (tmp_path / "python").write_text("an interpreter", encoding="utf-8")
    for name in (".venv", "sub/.venv", "build"):
        (root / name).mkdir()
        (root / name / "python").symlink_to(tmp_path / "python")
        os.mkfifo(root / name / "pipe")
    taken = snapshot.take(root)
    shutil.rmtree(root / "sub" / ".venv")
    (root / "sub" / ".venv").mkdir()
    shutil.rmtree(root / ".venv")
    (root / ".venv").mkdir()
    assert taken.object_hash() == get_object_hash(root, get_ignore_file(root))


def test_a_link_to_the_outside_that_is_ignored_itself_is_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path, {".gitignore": "elsewhere\nnowhere\n"})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("x", encoding="utf-8")
    (root / "elsewhere").symlink_to(tmp_path / "data")
    (root / "nowhere").symlink_to(tmp_path / "nothing")
    assert not any("elsewhere" in file.name for file in snapshot.take(root).files)


def test_patterns_see_where_a_link_leads_as_with_azure_ai_ml(tmp_path: Path) -> None:
    root = tree(tmp_path, {".gitignore": "sub/deep/\nlinked/util.py\nhidden\n"})
    (root / "linked").symlink_to(root / "sub")
    (root / "hidden").symlink_to(root / "Sub2")
    taken = snapshot.take(root)
    theirs = {name for _, name in get_upload_files_from_folder(root, ignore_file=get_ignore_file(root))}
    assert {file.name for file in taken.files} == theirs
    assert taken.content_hash() == get_content_hash(root, get_ignore_file(root))


@pytest.mark.parametrize(
    "name",
    [
        "a b#c?d%e&f+g.txt",
        "back\\slash",
        "new\nline",
        "e\u0301.txt",
        "\u00e9.txt",
        "\u65e5\u672c",
        "'\"",
        "~",
        "...",
        "a;b=c",
    ],
)
def test_odd_names_are_names(name: str, tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    (root / name).write_text("odd", encoding="utf-8")
    (root / "sub" / f"{name}.d").mkdir()
    taken = snapshot.take(root)
    assert name in {file.name for file in taken.files}
    assert taken.content_hash() == get_content_hash(root, get_ignore_file(root))
    assert taken.object_hash() == get_object_hash(root, get_ignore_file(root))


def test_empty_files_and_folders_count_as_with_azure_ai_ml(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    (root / "empty" / "below").mkdir(parents=True)
    (root / "sub" / "void").touch()
    assert snapshot.take(root).object_hash() == get_object_hash(root, get_ignore_file(root))


def test_a_snapshot_of_files_from_several_places(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    whole = snapshot.take(root)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = [
        snapshot.LocalFile(shutil.copy(file.path, elsewhere / str(n)), file.name) for n, file in enumerate(whole.files)
    ]
    built = snapshot.Snapshot(root, list(reversed(moved)), includes=(elsewhere,))
    assert built.content_hash() == whole.content_hash()
    assert built.object_hash() == whole.object_hash()
    assert built != whole


def test_each_hash_reads_a_file_once(tmp_path: Path) -> None:
    taken = snapshot.take(tree(tmp_path, {}))
    hashes = (taken.content_hash(), taken.object_hash())
    for file in taken.files:
        file.path.unlink()
    assert (taken.content_hash(), taken.object_hash()) == hashes


def test_a_file_that_is_written_or_removed_in_the_meantime_is_no_part_of_a_hash(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    taken = snapshot.take(root)
    assert taken.size
    (root / "main.py").write_text("other", encoding="utf-8")
    with pytest.raises(SpecError, match=r"main\.py: was written while it was read"):
        taken.content_hash()
    (root / "main.py").unlink()
    with pytest.raises(SpecError, match=r"main\.py: is not there any more"):
        taken.object_hash()


def test_a_single_file_hashes_as_with_azure_ai_ml(tmp_path: Path) -> None:
    file = tree(tmp_path, {}) / "main.py"
    taken = snapshot.take(file)
    assert [file.name for file in taken.files] == ["main.py"]
    assert taken.content_hash() == get_content_hash(file)
    assert taken.object_hash() == get_object_hash(file)


def test_links_inside_a_folder_are_followed_as_azure_ai_ml_does(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    (root / "link.py").symlink_to(root / "main.py")
    (root / "linked").symlink_to(root / "sub")
    taken = snapshot.take(root)
    assert {"link.py", "linked/util.py", "linked/deep/x.csv"} <= {file.name for file in taken.files}
    assert taken.content_hash() == get_content_hash(root, get_ignore_file(root))
    assert taken.object_hash() == get_object_hash(root, get_ignore_file(root))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    (root / "sub" / "up").symlink_to(root)
    assert "sub/util.py" in {file.name for file in snapshot.take(root).files}


@pytest.mark.parametrize("target", ["secret.txt", "elsewhere"])
def test_a_link_out_of_the_folder_is_refused_unless_it_is_asked_for(target: str, tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    (tmp_path / "secret.txt").write_text("s", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("s", encoding="utf-8")
    (root / "link").symlink_to(tmp_path / target)
    with pytest.raises(SpecError, match="outside of the folder"):
        snapshot.take(root)
    assert snapshot.take(root, follow_symlinks=True).files


@pytest.fixture
def someone() -> Iterator[Path]:
    """A folder of somebody who may not read everything, which root may."""
    folder = Path(tempfile.mkdtemp())
    root = os.getuid() == 0
    folder.chmod(0o755)
    yield folder
    if root:
        os.setresuid(0, 0, 0)
    shutil.rmtree(folder)


def test_what_may_not_be_read_says_so(someone: Path) -> None:
    root = tree(someone, {".gitignore": "secret/\n"})
    for name in ("sub", "secret"):
        (root / name).mkdir(exist_ok=True)
        (root / name).chmod(0)
    (root / "main.py").chmod(0)
    if os.getuid() == 0:
        os.setresuid(65534, 65534, 0)
    with pytest.raises(SpecError) as caught:
        snapshot.take(root)
    assert [problem.reason.partition(" cannot be read")[0] for problem in caught.value.problems] == [
        f"{root}/main.py",
        f"{root}/sub",
    ]
    with pytest.raises(SpecError, match="cannot be read"):
        snapshot.take(root / "main.py")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(root / "s"))
        (root / "broken").symlink_to("nowhere")
        (root / "itself").symlink_to("itself")
        Path(os.fsdecode(os.fsencode(root) + b"/\xff")).touch()
        with pytest.raises(SpecError) as caught:
            snapshot.take(root)
    assert [problem.reason.removeprefix(f"{root}/") for problem in caught.value.problems] == [
        r"\udcff has a name that is not UTF-8; rename it",
        f"broken is a link to {root}/nowhere, which is not there; remove the link",
        f"itself is a link to {root}/itself, which is not there; remove the link",
        "pipe is neither file nor folder, but a pipe, a socket or a device; remove it",
        "s is neither file nor folder, but a pipe, a socket or a device; remove it",
    ]
    with pytest.raises(SpecError, match="is a pipe"):
        snapshot.take(root / "pipe")
    with pytest.raises(SpecError, match=r"link to itself|symbolic links"):
        snapshot.take(root / "itself")


def test_of_many_reasons_the_first_ones_are_told(tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    for place in range(50):
        (root / f"link{place}").symlink_to(tmp_path)
    reasons = snapshot.problems(root)
    assert (len(reasons), reasons[-1]) == (21, "30 more such files and folders")


@pytest.mark.parametrize("content", [b"\xff\xfe*", b"*.csv\n[z-a]\n", b"!\n", b"a\\\n"])
def test_an_ignore_file_that_cannot_be_used_says_where(content: bytes, tmp_path: Path) -> None:
    root = tree(tmp_path, {})
    (root / ".amlignore").write_bytes(content)
    with pytest.raises(SpecError, match=r"My Folder: \.amlignore(:\d: .* is no pattern| is not UTF-8)"):
        snapshot.take(root)
    (root / ".amlignore").unlink()
    (root / ".amlignore").mkdir()
    with pytest.raises(SpecError, match="cannot be read"):
        snapshot.take(root)


def test_a_path_that_is_none(tmp_path: Path) -> None:
    for path in (tmp_path / "a\0b", tmp_path / ("x" * 300), tmp_path / "\udcff", tmp_path / "a" / "b"):
        assert len(snapshot.problems(path)) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere", "there is no such file or folder"),
        ("empty", "holds no file"),
        ("ignored", "once .gitignore is applied"),
    ],
)
def test_what_cannot_be_uploaded_says_why(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    (tmp_path / "ignored").mkdir()
    (tmp_path / "ignored" / ".gitignore").write_text("*\n", encoding="utf-8")
    with pytest.raises(SpecError, match=reason):
        snapshot.take(tmp_path / name)
