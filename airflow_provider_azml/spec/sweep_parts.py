"""Parts of a search for parameters, which sweep jobs and AutoML jobs share: spaces, sampling and policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.rules import Rule, integer, lower, number, snake, translated, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

ARGUMENTS = {
    "choice": ("values",),
    "randint": ("upper",),
    **dict.fromkeys(("uniform", "loguniform"), ("min_value", "max_value")),
    **dict.fromkeys(("quniform", "qloguniform"), ("min_value", "max_value", "q")),
    **dict.fromkeys(("normal", "lognormal"), ("mu", "sigma")),
    **dict.fromkeys(("qnormal", "qlognormal"), ("mu", "sigma", "q")),
}
"""Distribution -> its keys, in the order of the service's arguments."""
_SAMPLING = {"random": "Random", "grid": "Grid", "bayesian": "Bayesian"}
_POLICIES = {
    "bandit": "Bandit",
    "median_stopping": "MedianStopping",
    "truncation_selection": "TruncationSelection",
}


def _number_or_text(value: Any) -> float | str:
    return float(value) if _is_numeric(value) else str(value)


_SAMPLING_RULES = (
    Rule("type", "samplingAlgorithmType", words(_SAMPLING)),
    Rule("rule", "rule", lower),
    Rule("seed", "seed", integer),
    Rule("logbase", "logbase", _number_or_text),
)
_POLICY_RULES = (
    Rule("type", "policyType", words(_POLICIES)),
    Rule("delay_evaluation", "delayEvaluation", integer),
    Rule("evaluation_interval", "evaluationInterval", integer),
    Rule("slack_amount", "slackAmount", number),
    Rule("slack_factor", "slackFactor", number),
    Rule("truncation_percentage", "truncationPercentage", integer),
)
_DEFAULT_RULES = [Rule(rule.key, rule.field) for rule in _POLICY_RULES]
_POLICY_DEFAULTS: Mapping[str, Json] = {
    "bandit": {"delay_evaluation": 0, "evaluation_interval": 0, "slack_amount": 0, "slack_factor": 0},
    "median_stopping": {"delay_evaluation": 0, "evaluation_interval": 1},
    "truncation_selection": {"delay_evaluation": 0, "evaluation_interval": 0},
}


def distribution(value: Mapping[str, Any]) -> list[Any]:
    """A distribution of values as the service takes it.

    Example:
        >>> distribution({"type": "uniform", "min_value": 0, "max_value": 1})
        ['uniform', [0, 1]]
    """
    kind = lower(value["type"])
    if kind == "choice":
        return [kind, [[_choice(item) for item in value.get("values") or ()]]]
    if kind == "randint":
        return [kind, [integer(value["upper"])]]
    return [kind, [_number(value[key]) for key in ARGUMENTS[kind]]]


def sampling_algorithm(value: str | Mapping[str, Any]) -> Json:
    """How values are picked, given as a word or as a mapping."""
    return translated({"type": value} if isinstance(value, str) else value, _SAMPLING_RULES)


def early_termination(value: Mapping[str, Any]) -> Json:
    """When trials that do badly are stopped."""
    return {**translated(_defaults(value), _DEFAULT_RULES), **translated(value, _POLICY_RULES)}


def early_termination_in_words(value: Mapping[str, Any]) -> Json:
    """When trials that do badly are stopped, as nodes of pipelines have it: in the keys of the file."""
    rules = [Rule(rule.key, rule.key, policy if rule.key == "type" else rule.convert) for rule in _POLICY_RULES]
    return translated({**_defaults(value), **value}, rules)


def policy(value: object) -> str:
    """The word of a policy, which a file may write in CamelCase too."""
    word = lower(value)
    return word if word in _POLICIES else snake(str(value))


def _defaults(value: Mapping[str, Any]) -> Json:
    """What azure-ai-ml sends for keys that the file leaves out; a null says that nothing is to be sent."""
    return {key: default for key, default in _POLICY_DEFAULTS[policy(value["type"])].items() if key not in value}


def _choice(value: Any) -> Any:  # a value of the author's
    if not isinstance(value, dict):
        return value
    return {key: _member(item) for key, item in value.items()}


def _member(value: Any) -> Any:  # likewise
    """What a choice between mappings holds: a space of its own, or a value; azure-ai-ml takes ``"0.5"`` for 0.5."""
    if isinstance(value, dict):
        return distribution(value)
    return _number(value) if _is_numeric(value) else value


def _number(value: Any) -> int | float:
    return value if isinstance(value, int) else float(value)


def _is_numeric(value: object) -> bool:
    try:
        return abs(float(str(value))) != float("inf") and float(str(value)) == float(str(value))
    except ValueError:
        return False
