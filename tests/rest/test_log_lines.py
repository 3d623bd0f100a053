from __future__ import annotations

import random

import pytest

from airflow_provider_azml.rest.log_lines import LogLines


def lines_of(*pieces: bytes) -> list[str]:
    text = LogLines()
    told = [line for piece in pieces for line in text.feed(piece)]
    return [*told, *text.end()]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a\n\n b \n"], ["a", "", " b "]),
        ([b"a\r\nb\r\n"], ["a", "b"]),
        ([b"a\r", b"\nb"], ["a", "b"]),
        ([b"no end"], ["no end"]),
        ([b""], []),
        ([b"10%\r 50%\r100%\ndone\n"], ["100%", "done"]),
        ([b"10%\r", b"50%\r", b"100%", b"\n"], ["100%"]),
        ([b"10%\r50%\r"], ["50%"]),
        ([b"\r10%\r50%\r", b"100%\r\n"], ["100%"]),
        ([b"100%\r    \n"], ["100%\r    "]),
        (["grün\n".encode()[:3], "grün\n".encode()[3:]], ["grün"]),
        ([b"\xff\xfe\n"], ["\ufffd\ufffd"]),
        (["a\u2028b\x0cc\n".encode()], ["a\u2028b\x0cc"]),
    ],
)
def test_lines_are_what_a_terminal_would_show_in_the_end(pieces, expected):
    assert lines_of(*pieces) == expected


def test_a_line_is_held_back_until_it_has_ended():
    text = LogLines()
    assert list(text.feed(b"half")) == []
    assert list(text.feed(b" a line\nand")) == ["half a line"]
    assert text.end() == ["and"]
    assert text.end() == []


def test_a_progress_bar_without_an_end_takes_no_more_room_than_its_last_state():
    text = LogLines()
    for percent in range(100_000):
        assert list(text.feed(b"%d%%\r" % percent)) == []
    assert text.end() == ["99999%"]


def test_a_line_without_an_end_comes_in_parts_that_keep_characters_whole():
    whole = "ü€𝄞" * 50_000
    told = lines_of(*(whole.encode()[start : start + 10_000] for start in range(0, len(whole.encode()), 10_000)))
    assert "".join(told) == whole
    assert all(len(line.encode()) <= 64 * 1024 for line in told)
    assert len(told) > 1


def test_it_does_not_matter_where_pieces_end():
    chance = random.Random(7)
    text = "".join(chance.choice(["ü", "€", "a", "\n", "\r", "bar\r", "\r\n"]) for _ in range(2_000)).encode()
    expected = lines_of(text)
    for _ in range(20):
        cuts = sorted(chance.randrange(len(text)) for _ in range(30))
        pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert lines_of(*pieces) == expected
