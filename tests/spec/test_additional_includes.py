"""Code of components with what ``additional_includes`` puts into it: the very files that azure-ai-ml uploads."""

from __future__ import annotations

import gc
import time
import zipfile
from pathlib import Path

import pytest
from azure.ai.ml._utils._asset_utils import get_upload_files_from_folder
from azure.ai.ml.entities._component._additional_includes import AdditionalIncludes
from azure.ai.ml.entities._component.code import ComponentIgnoreFile

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import additional_includes, components, kinds
from airflow_provider_azml.spec.needs import Code
from airflow_provider_azml.spec.source import from_mapping, read

COMMAND = {"name": "prep", "command": "echo", "environment": "azureml:e:1"}
TREE = {
    "code/main.py": "1",
    "code/sub/a.py": "2",
    "code/sub/__pycache__/a.pyc": "x",
    "code/data/big.bin": "d",
    "code/.amlignore": "*.bin\nskip/\n*.log\n",
    "code/.hidden": "h",
    "code/x.log": "l",
    "lib/l.py": "3",
    "lib/x.bin": "b",
    "lib/skip/s.py": "s",
    "lib/.gitignore": "deep/m2.py\n",
    "lib/deep/m.py": "5",
    "lib/deep/m2.py": "6",
    "lib/deep/.amlignore": "*.txt\n",
    "lib/deep/t.txt": "t",
    "lib/deep/__pycache__/m.pyc": "y",
    "other/sub/a.py": "7",
    "single.py": "9",
    "again/lib/l.py": "11",
    "packed/in/z.py": "z",
    "packed/q.log": "q",
    "packed/zz.py": "zz",
    "packed/.gitignore": "zz.py\n",
    "rules/.amlignore": "*.md\n",
    "rules/a.md": "m",
    "bare/__pycache__/b.pyc": "b",
}


def plant(folder: Path) -> Path:
    for name, text in TREE.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def theirs(folder: Path, code: str | None, includes: list[str]) -> dict[str, bytes]:
    merging = AdditionalIncludes(origin_code_value=code, base_path=folder, configs=includes)
    with merging.merge_local_code_and_additional_includes() as merged:
        found = get_upload_files_from_folder(merged, ignore_file=ComponentIgnoreFile(merged))
        return {str(name): Path(path).read_bytes() for path, name in found}


@pytest.mark.parametrize(
    ("code", "includes"),
    [
        ("./code", []),
        ("./code", ["./lib", "./other", "single.py"]),
        ("./code/main.py", ["./lib", "single.py"]),
        (None, ["./lib/", "./other", "single.py"]),
        (None, ["./rules"]),
        ("./code", ["packed.zip"]),
        (None, ["packed.zip", "lib.zip"]),
        ("./lib", ["./rules/.amlignore"]),
        ("./code", ["./lib/deep", "./lib/x.bin"]),
        (None, ["./lib", "./again/lib"]),
        (None, ["."]),
    ],
)
def test_what_is_uploaded_is_what_azure_ai_ml_uploads(tmp_path: Path, code: str | None, includes: list[str]) -> None:
    source = from_mapping({}, base_path=plant(tmp_path))
    taken = additional_includes.taken(source, code, includes)
    assert {file.name: file.path.read_bytes() for file in taken.files} == theirs(tmp_path, code, includes)
    assert taken.path.name == ("code_with_additional_includes" if includes else "code")


def test_includes_go_into_the_code(tmp_path: Path) -> None:
    given = {**COMMAND, "code": "code", "additional_includes": ["lib"]}
    source = from_mapping(given, base_path=plant(tmp_path))
    sent = components.spec(source)
    assert sent["additional_includes"] == ["lib"]
    assert sent["code"].of == Code(additional_includes.taken(source, "code", ["lib"]))
    assert "additional_includes" not in components.spec(from_mapping({**COMMAND, "additional_includes": []}))


def test_an_archive_goes_when_nobody_needs_it(tmp_path: Path) -> None:
    source = from_mapping({}, base_path=plant(tmp_path))
    taken = additional_includes.taken(source, None, ["packed.zip", "lib/deep"])
    [archive] = [file.path for file in taken.files if file.name == "packed.zip"]
    source.opened.snapshots.clear()
    gc.collect()
    assert archive.exists()
    del source
    gc.collect()
    assert not archive.parent.parent.exists()


@pytest.mark.parametrize(
    ("code", "includes", "reason"),
    [
        ("code", ["other/sub"], r"additional_includes\[0\]: the code has a sub of its own"),
        ("bare", [], "code: .* holds no file to upload"),
        (None, ["lib/deep/__pycache__"], "code: .* holds no file to upload"),
        ("code", ["linked"], r"additional_includes\[0\]: .* is a link to"),
        ("code", ["a" * 300], r"additional_includes\[0\]: .* is no path of a file"),
    ],
)
def test_includes_that_cannot_be_uploaded(tmp_path: Path, code: str | None, includes: list[str], reason: str) -> None:
    plant(tmp_path)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "out.py").symlink_to(tmp_path / "single.py")
    given = {**COMMAND, "additional_includes": includes, **({"code": code} if code else {})}
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given, base_path=tmp_path), "component")


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    plant(tmp_path)
    (tmp_path / "other" / "sub" / "round").symlink_to(tmp_path / "other")
    taken = additional_includes.taken(from_mapping({}, base_path=tmp_path), None, ["other"])
    assert [file.name for file in taken.files] == ["other/sub/a.py"]


def test_links_in_circles_come_to_an_end_in_an_archive_too(tmp_path: Path) -> None:
    for name in ("east", "west"):
        (tmp_path / "round" / name).mkdir(parents=True)
        (tmp_path / "round" / name / "it.py").touch()
        for place in range(3):
            (tmp_path / "round" / name / f"link{place}").symlink_to(tmp_path / "round")
    for name, other in (("east", "west"), ("west", "east")):
        (tmp_path / "round" / name / "across").symlink_to(tmp_path / "round" / other)
    source = from_mapping({}, base_path=tmp_path)  # the archive is there as long as it is
    (archive,) = additional_includes.taken(source, None, ["round.zip"]).files
    with zipfile.ZipFile(archive.path) as packed:
        assert sorted(packed.namelist()) == [
            "round/",
            "round/east/across/it.py",
            "round/east/it.py",
            "round/west/across/it.py",
            "round/west/it.py",
        ]


def test_five_hundred_components_of_one_folder_are_quick(tmp_path: Path) -> None:
    plant(tmp_path)
    for place in range(200):
        (tmp_path / "code" / f"{place}.py").write_text("x", encoding="utf-8")
    text = "name: c\ncommand: python main.py ${{inputs.a}}\nenvironment: azureml:e:1\ncode: ./code\n"
    text += "additional_includes: [./lib]\ninputs: {a: {type: integer, default: 1}, b: {type: uri_folder}}\n"
    (tmp_path / "c.yml").write_text(text, encoding="utf-8")
    source = read(tmp_path / "c.yml")
    components.spec(source)
    start = time.process_time()
    for _ in range(500):
        assert not list(components.problems(source))
        components.spec(source)
    assert time.process_time() - start < 0.5
