"""Placeholders of commands: what the shell makes of them is what was meant."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_azml.emulator.jobs.placeholders import CommandError, fill_in

AWKWARD = 'it\'s a "file" of $HOME `x` \\ and more'


@pytest.mark.parametrize(
    "command",
    [
        "printf %s ${{inputs.d}}",
        "printf %s '${{inputs.d}}'",
        'printf %s "${{inputs.d}}"',
        'X="a\\"b"; printf %s "${{ inputs.d }}"',
        "printf %s \\'a >/dev/null; printf %s ${{inputs.d}}",
    ],
)
def test_a_value_is_one_word_to_the_shell(command: str) -> None:
    filled = fill_in(command, {"inputs.d": AWKWARD})
    assert subprocess.run(["bash", "-c", filled], capture_output=True, text=True, check=True).stdout == AWKWARD


def test_a_value_may_be_part_of_a_word() -> None:
    filled = fill_in("printf %s ${{outputs.o}}/model.pkl", {"outputs.o": "/a b"})
    assert subprocess.run(["bash", "-c", filled], capture_output=True, text=True, check=True).stdout == "/a b/model.pkl"


def test_what_depends_on_an_optional_input_stays_only_with_it() -> None:
    command = "train $[[--lr ${{inputs.lr}}]] $[[--x ${{inputs.x}}]]"
    assert fill_in(command, {"inputs.lr": "0.1"}).split() == ["train", "--lr", "0.1"]


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(CommandError, match=r"\$\{\{inputs\.z\}\}.*it has: inputs\.d"):
        fill_in("train ${{inputs.z}}", {"inputs.d": "1"})


def test_shell_variables_are_left_to_the_shell() -> None:
    assert fill_in("echo ${HOME} $(date) ${{inputs.d}}", {"inputs.d": "1"}) == "echo ${HOME} $(date) 1"
