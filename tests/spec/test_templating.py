from __future__ import annotations

import jinja2
import pytest

from airflow_provider_azml.spec.templating import is_template, shield

KEPT = {
    "plain": "python train.py",
    "input": "--lr ${{inputs.lr}}",
    "spaces": "--lr ${{ inputs.lr }}",
    "optional": "$[[--lr ${{inputs.lr}}]]",
    "dotted": "${{parent.jobs.train.outputs.model}}",
    "many": "${{inputs.a}}${{inputs.b}} ${{outputs.c}}",
    "dollar": "cost $5 and $HOME and ${HOME}",
    "lines": "a: ${{inputs.x}}\n  b: ${{inputs.y}}\nc: 1",
    "unclosed": "${{inputs.x",
}
RENDERED = {
    "expression": ("{{ ds }}", "2024-01-02"),
    "both": ("--day {{ ds }} --lr ${{inputs.lr}}", "--day 2024-01-02 --lr ${{inputs.lr}}"),
    "inside an optional": ("$[[--day {{ ds }} ${{inputs.x}}]]", "$[[--day 2024-01-02 ${{inputs.x}}]]"),
    "in a string": ("{{ '${{inputs.x}}' }} {{ ds }}", "${{inputs.x}} 2024-01-02"),
    "statement": ("{% if ds %}${{inputs.x}}{% endif %}", "${{inputs.x}}"),
    "statement with a string": ("{% if ds == '${{x}}' %}a{% else %}b{% endif %}", "b"),
    "comment": ("{# ${{inputs.x}} #}x", "x"),
    "raw by the author": ("{% raw %}${{inputs.x}} {{ ds }}{% endraw %} {{ ds }}", "${{inputs.x}} {{ ds }} 2024-01-02"),
}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("blocks", [False, True])
def test_what_is_aml_s_comes_out_as_it_went_in(name: str, blocks: bool) -> None:
    environment = jinja2.Environment(trim_blocks=blocks, lstrip_blocks=blocks, autoescape=blocks)
    text = KEPT[name]
    assert environment.from_string(shield(text)).render() == text


@pytest.mark.parametrize("name", RENDERED)
def test_what_is_jinja_s_is_rendered(name: str) -> None:
    text, expected = RENDERED[name]
    environment = jinja2.Environment(autoescape=False)
    assert environment.from_string(shield(text)).render(ds="2024-01-02") == expected


def test_long_text_is_shielded_in_no_time() -> None:
    text = "${{inputs.x}} {{ '" * 2000
    assert shield(text).count('"{{"') >= 1


@pytest.mark.parametrize("text", [*KEPT.values(), *(template for template, _ in RENDERED.values())])
def test_only_what_is_jinja_s_makes_a_template(text: str) -> None:
    assert is_template(shield(text)) == (text not in KEPT.values())
