"""Lists of Resource Manager: what their queries ask for, and the pages that answer them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request
from airflow_provider_azml.emulator.selections import Facet, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_azml.emulator.arm.behaviour import Behaviour
    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.selections import Order
    from airflow_provider_azml.rest.flows import Json

PAGE_SIZE = 100
_ARCHIVED = Facet("isArchived", "true")
_ARCHIVABLE: Mapping[str, tuple[Facet, ...]] = {
    "activeonly": (replace(_ARCHIVED, absent=True),),
    "archivedonly": (_ARCHIVED,),
    "all": (),
}
_DISABLED = Facet("isEnabled", "false")
_VIEWS: Mapping[str, Mapping[str, tuple[Facet, ...]]] = {
    **dict.fromkeys(
        ("component", "data", "environment", "feature_set", "feature_store_entity", "job", "model"), _ARCHIVABLE
    ),
    "schedule": {"enabledonly": (replace(_DISABLED, absent=True),), "disabledonly": (_DISABLED,), "all": ()},
}
"""``listViewType``, the first of which is the default."""
_JOB_TYPES = ("AutoML", "Command", "FineTuning", "Labeling", "Pipeline", "Spark", "Sweep")
_ENDPOINT_ORDERS: Mapping[str, tuple[Order, bool]] = {
    "createdatdesc": ("created", True),
    "createdatasc": ("created", False),
    "updatedatdesc": ("modified", True),
    "updatedatasc": ("modified", False),
}
_TIMES: Mapping[str, Order] = {"createdtime": "created", "modifiedtime": "modified"}
_SIZES = {"datastore": 30, "feature_set": 20, "feature_store_entity": 20}


@dataclass(frozen=True)
class _Query:
    """The query of a list.

    Args:
        target: The collection.
        given: The parameters.
    """

    target: Target
    given: Mapping[str, str]

    def number(self, name: str) -> int | None:
        value = self.given.get(name)
        if value is not None and not (value.isdecimal() and value.isascii()):
            raise _wrong(name, value, "a number")
        return None if value is None else int(value)

    def choice(self, name: str, known: Mapping[str, object]) -> str | None:
        value = self.given.get(name)
        if value is not None and value.lower() not in known:
            raise _wrong(name, value, f"one of {', '.join(known)}, in any case")
        return None if value is None else value.lower()

    def is_true(self, name: str) -> bool:
        return self.choice(name, {"true": True, "false": False}) == "true"

    def same(self, name: str) -> Iterator[Facet]:
        """Nothing when it is not asked for."""
        if value := self.given.get(name):
            yield Facet(name, value)

    def pairs(self, name: str, holder: str) -> Iterator[Facet]:
        """``a,b=c``: what a list of tags or properties asks for, each of them with or without its value."""
        for part in filter(None, self.given.get(name, "").split(",")):
            key, sign, value = part.partition("=")
            yield Facet(f"{holder}/{key}", value if sign else None)


def selection(target: Target, query: Mapping[str, str]) -> Selection:
    """What a list asks for.

    Args:
        target: The collection.
        query: The parameters of the request; those that the list does not have are passed over.

    Raises:
        ArmError: A parameter has a value that it cannot have.

    Source: the ``*_List`` operations of the 2024-04-01 OpenAPI file, and ``scheduled``, ``scheduleId`` and
    ``assetName`` of jobs in the client of 2024-01-01-preview that azure-ai-ml carries. Names of fields to order by are
    those of ``DataVersions_List`` and ``Datastores_List``. Where no order is asked for, jobs are listed from the
    newest on, which is how MLClient's callers show them, and all else as it was made.
    """
    asked, kind = _Query(target, query), target.row.kind.removeprefix("registry_")
    views = _VIEWS.get(kind)
    facets = views[asked.choice("listViewType", views) or next(iter(views))] if views else ()
    wanted = Selection(facets=facets, descending=kind == "job")
    wanted = _ordered(wanted, asked)
    if more := _MORE.get(kind):
        wanted = more(wanted, asked)
    return wanted


def page(emulator: Emulator, behaviour: Behaviour, target: Target, query: Mapping[str, str]) -> Json:
    """A page of a list, with the link to the next.

    Raises:
        ArmError: The query cannot be followed.

    Source: ``PaginationParameter`` ("Continuation token for pagination") of the 2024-04-01 OpenAPI file;
    ``DataVersions_List``: "If topCount > page size, results with be default page size count will be returned".
    """
    asked, kind = _Query(target, query), target.row.kind
    most = _SIZES.get(kind, PAGE_SIZE)
    sizes = [number for name in ("$top", "count", "pageSize") if (number := asked.number(name))]
    size = min(sizes[0], PAGE_SIZE) if sizes else most
    wanted = behaviour.selection(target, query)
    collection = target.workspace_id + "/codes" if wanted.anywhere else target.arm_id
    try:
        documents, following = emulator.store.page(collection, wanted, size, query.get("$skip"))
    except ValueError as error:
        raise _wrong("$skip", query["$skip"], "what a nextLink gave") from error
    answered: Json = {"value": [behaviour.show(document) for document in documents]}
    if following:
        link = urlencode({**query, "$skip": following})
        answered["nextLink"] = f"{emulator.https_url}{target.arm_id}?{link}"
    return answered


def _ordered(wanted: Selection, asked: _Query) -> Selection:
    if asked.target.row.kind == "online_endpoint":
        named = asked.choice("orderBy", _ENDPOINT_ORDERS)
        order, descending = _ENDPOINT_ORDERS[named] if named else (wanted.order, wanted.descending)
        return replace(wanted, order=order, descending=descending)
    text = asked.given.get("$orderBy")
    if not text:
        return wanted
    field, _, way = text.strip().lower().partition(" ")
    if field not in _TIMES or way.strip() not in ("", "asc", "desc"):
        raise _wrong("$orderBy", text, f"one of {', '.join(_TIMES)}, with asc or desc behind it")
    return replace(wanted, order=_TIMES[field], descending=way.strip() == "desc")


def _of_jobs(wanted: Selection, asked: _Query) -> Selection:
    facets = [*wanted.facets, *asked.pairs("properties", "properties")]
    known = {one.lower(): one for one in _JOB_TYPES}
    if kind := asked.choice("jobType", known):
        facets.append(Facet("jobType", known[kind]))
    if tag := asked.given.get("tag"):
        facets.append(Facet(f"tags/{tag}"))
    if "scheduled" in asked.given:
        facets.append(Facet("scheduled", absent=not asked.is_true("scheduled")))
    facets += [*asked.same("scheduleId"), *asked.same("assetName")]
    return replace(wanted, facets=tuple(facets))


def _of_models(wanted: Selection, asked: _Query) -> Selection:
    if not asked.target.is_version:
        return wanted
    facets = (*wanted.facets, *asked.pairs("tags", "tags"), *asked.pairs("properties", "properties"))
    facets = (*facets, *asked.same("description"))
    version = asked.given.get("version")
    return replace(
        wanted,
        facets=facets,
        names=(version,) if version else None,
        skip=asked.number("offset") or 0,
    )


def _of_data(wanted: Selection, asked: _Query) -> Selection:
    return replace(wanted, facets=(*wanted.facets, *asked.pairs("$tags", "tags")))


def _of_code(wanted: Selection, asked: _Query) -> Selection:
    """Code with a hash, under whatever name. Source: ``hash`` of ``CodeVersions_List``."""
    wished = asked.given.get("hash") if asked.target.is_version else None
    if not wished:
        return wanted
    return replace(wanted, facets=(*wanted.facets, Facet("properties/hash_sha256", wished)), anywhere=True)


def _of_features(wanted: Selection, asked: _Query) -> Selection:
    """Feature sets and entities. Source: ``FeaturesetContainers_List`` and ``FeaturesetVersions_List``."""
    name = asked.given.get("version" if asked.target.is_version else "name")
    return replace(
        wanted,
        facets=(*wanted.facets, *asked.pairs("tags", "tags"), *asked.same("description")),
        names=(name,) if name else None,
    )


def _of_datastores(wanted: Selection, asked: _Query) -> Selection:
    named = asked.choice("orderBy", {**_TIMES, "name": "name"})
    by: Order = "name" if named == "name" else _TIMES.get(named or "", wanted.order)
    names = asked.given.get("names")
    return replace(
        wanted,
        facets=(*wanted.facets, *([Facet("isDefault", "true")] if asked.is_true("isDefault") else [])),
        names=tuple(names.split(",")) if names else None,
        text=asked.given.get("searchText", ""),
        order=by,
        # "Order by property in ascending order", which is not the default
        descending=bool(named) and not asked.is_true("orderByAsc"),
    )


def _of_endpoints(wanted: Selection, asked: _Query) -> Selection:
    facets = [*wanted.facets, *asked.pairs("tags", "tags"), *asked.pairs("properties", "properties")]
    kind = asked.choice("computeType", {"managed": 1, "kubernetes": 1, "azuremlcompute": 1})
    if kind is not None:
        # an endpoint names its cluster, if it is on one
        facets.append(Facet("compute", absent=kind != "kubernetes"))
    if kind == "azuremlcompute":
        facets.append(Facet("compute"))
    name = asked.given.get("name")
    return replace(wanted, facets=tuple(facets), names=(name,) if name else None)


_MORE: Mapping[str, Callable[[Selection, _Query], Selection]] = {
    "code": _of_code,
    "data": _of_data,
    "datastore": _of_datastores,
    "feature_set": _of_features,
    "feature_store_entity": _of_features,
    "job": _of_jobs,
    "model": _of_models,
    "online_endpoint": _of_endpoints,
}


def _wrong(name: str, value: str, rule: str) -> ArmError:
    message = f"The query parameter '{name}' must be {rule}, not '{value}'."
    return bad_request(message, code="InvalidQueryParameter", target=name)
