"""What azure-ai-ml's generated clients say, read out of their source: the source alone names answers' headers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.contract.claims import ANY_WORD, DEFAULT_STATUS, Operation, Witness, nameless

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS_PATHS = (DEFAULT_STATUS, ("properties", "status"))


def machine_learning() -> Witness:
    """The client that every operation of MLClient on a workspace goes through."""
    folder = _folder("_restclient", "arm_ml_service")
    module = _parse(folder / "operations" / "_operations.py")
    models = _Models(folder / "models")
    requests = dict(_requests(module))
    return Witness("azure-ai-ml's client", _operations(module, requests, models))


def resource_manager() -> Witness:
    """The client for resource groups and template deployments that azure-ai-ml brings along."""
    folder = _folder("_vendor", "azure_resources")
    enums = _words_of_enums(_parse(folder / "models" / "_resource_management_client_enums.py"))
    words = {"_deployments_operations.py": enums["ProvisioningState"], "_resource_groups_operations.py": ANY_WORD}
    found = [
        operation
        for name, known in words.items()
        for operation in _older_operations(_parse(folder / "operations" / name), {DEFAULT_STATUS: known})
    ]
    return Witness("azure-ai-ml's Resource Manager client", found)


def _folder(*parts: str) -> Path:
    import azure.ai.ml

    return Path(azure.ai.ml.__file__).parent.joinpath(*parts)


def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


class _Request(NamedTuple):
    method: str
    path: str
    required: frozenset[str]


def _requests(module: ast.Module) -> Iterator[tuple[str, _Request]]:
    """Name of a request builder -> what it builds."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("build_"):
            text = ast.unparse(node)
            url = re.search(r"_url = '([^']+)'", text)
            method = re.search(r"method='([A-Z]+)'", text)
            assert url, node.name
            assert method, node.name
            always = re.findall(r"^    _params\['([\w-]+)'\]", text, re.MULTILINE)
            yield node.name, _Request(method[1], nameless(url[1]), frozenset(always) - {"api-version"})


def _operations(module: ast.Module, requests: dict[str, _Request], models: _Models) -> Iterator[Operation]:
    for group in module.body:
        if not (isinstance(group, ast.ClassDef) and group.name.endswith("Operations")):
            continue
        for function in group.body:
            if not isinstance(function, ast.FunctionDef):
                continue
            text = ast.unparse(function)
            builder = re.search(r"\b(build_\w+_request)\(", text)
            if builder is None:
                continue
            request = requests[builder[1]]
            yield Operation(
                method=request.method,
                path=request.path,
                required=request.required,
                long_running=function.name.endswith("_initial"),
                headers=frozenset(re.findall(r"response_headers\['([\w-]+)'\]", text)),
                words=models.words(ast.unparse(function.returns))
                if function.name == "get" and function.returns
                else None,
            )


class _Models:
    """The models of a generated client, as far as status words go."""

    def __init__(self, folder: Path) -> None:
        self._enums = _words_of_enums(_parse(folder / "_enums.py"))
        self._classes = {
            node.name: node for node in _parse(folder / "_models.py").body if isinstance(node, ast.ClassDef)
        }

    def words(self, annotation: str) -> dict[tuple[str, ...], frozenset[str]]:
        """The words at every path where a status can be, for a model named in an annotation."""
        return {path: words for path in STATUS_PATHS if (words := self._follow(annotation, path))}

    def _follow(self, annotation: str, path: tuple[str, ...]) -> frozenset[str] | None:
        named = re.search(r"_models\.(\w+)", annotation)
        if named is None:
            return None
        if not path:
            return self._enums.get(named[1])
        found = self._field(named[1], path[0])
        return self._follow(found, path[1:]) if found else None

    def _field(self, model: str, wire_name: str) -> str | None:
        """Annotation of the field of a model, or of one that it is built on, with this name on the wire."""
        node = self._classes.get(model)
        if node is None:
            return None
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
                renamed = re.search(r"name='(\w+)'", ast.unparse(statement.value))
                if (renamed[1] if renamed else statement.target.id) == wire_name:
                    return ast.unparse(statement.annotation)
        bases = (self._field(ast.unparse(base).rpartition(".")[2], wire_name) for base in node.bases)
        return next((found for found in bases if found), None)


def _words_of_enums(module: ast.Module) -> dict[str, frozenset[str]]:
    return {
        node.name: frozenset(
            statement.value.value
            for statement in node.body
            if isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
        for node in module.body
        if isinstance(node, ast.ClassDef)
    }


def _older_operations(module: ast.Module, words: dict[tuple[str, ...], frozenset[str]]) -> Iterator[Operation]:
    """The operations of a client of the generation that kept URLs beside its methods."""
    (group,) = (node for node in module.body if isinstance(node, ast.ClassDef))
    urls = dict(re.findall(r"(\w+)\.metadata = \{'url': '([^']+)'\}", ast.unparse(group)))
    for function in group.body:
        if isinstance(function, ast.FunctionDef) and function.name in urls:
            sent = re.search(r"self\._client\.(get|put|post|patch|delete)\(", ast.unparse(function))
            if sent:
                yield Operation(
                    method=sent[1].upper(),
                    path=nameless(urls[function.name]).replace("resourcegroups", "resourceGroups"),
                    long_running=function.name.endswith("_initial"),
                    words=words if function.name == "get" else None,
                )
