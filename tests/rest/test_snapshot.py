from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.ai.ml._utils._asset_utils import (
    get_content_hash,
    get_ignore_file,
    get_object_hash,
    get_upload_files_from_folder,
)

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import snapshot

if TYPE_CHECKING:
    from pathlib import Path

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
