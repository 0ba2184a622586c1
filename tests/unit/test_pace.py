"""The pace of long work: lines for a function, one bar on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from crossalign import pace
from crossalign.boundary import tell
from crossalign.pace import Bar, Pace


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock of seconds that the test sets; a bar draws by its own."""
    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def opened(monkeypatch):
    """Open a terminal in place of standard error, which pytest sets anew for every test."""
    def terminal(of=Terminal, term="xterm"):
        monkeypatch.setenv("TERM", term)
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "stderr", of())
        return sys.stderr

    return terminal


def work(clock, log, things="pictures"):
    with Pace(log, "encoded", 100, things) as told:
        for count in range(1, 101):
            clock[0] += 1.0
            told(count)
    return told


def test_speed_and_time_left_are_of_what_is_done_now(clock):
    lines = []
    told = Pace(lines.append, "encoded", 100, "texts", before=40)
    clock[0] = 10.0
    told(60)
    assert lines == ["encoded 60 of 100 texts, 2 a second, 20 s left"]


def test_a_terminal_gets_one_bar_and_a_function_its_lines(clock, opened):
    lines, terminal = [], opened()
    work(clock, lines.append)
    assert terminal.getvalue() == ""
    assert lines[0] == "encoded 10 of 100 pictures, 1 a second, 90 s left"
    assert len(lines) == 9
    work(clock, tell)
    drawn = terminal.getvalue()
    assert "encoded 99 of 100 pictures, 1 a second, 1 s left" in drawn
    assert "━" in drawn
    assert Bar.shown is None


def test_what_is_told_meanwhile_stands_above_the_bar_and_within_it_is_no_second(clock, opened):
    terminal = opened()
    with Pace(tell, "tried", 10, "settings") as outer:
        clock[0] = 5.0
        outer(5)
        assert Bar.shown is not None
        assert Bar.opened(3) is None
        tell("a note")
        work(clock, tell, "texts")
    assert Bar.shown is None
    assert "a note\n" in terminal.getvalue()
    assert "encoded 10 of 100 texts, 1 a second, 90 s left\n" in terminal.getvalue()


def test_a_bar_is_removed_where_work_breaks_off(clock, opened):
    opened()

    def broken():
        with Pace(tell, "encoded", 10, "texts") as told:
            clock[0] += 5.0
            told(5)
            assert Bar.shown is not None
            raise ValueError("texts: no.")

    with pytest.raises(ValueError, match="no"):
        broken()
    assert Bar.shown is None


def test_where_there_is_no_terminal_and_on_a_dumb_one_lines_are_told(clock, opened):
    for of, term in ((Terminal, "dumb"), (io.StringIO, "xterm")):
        terminal = opened(of, term)
        work(clock, tell)
        assert terminal.getvalue().startswith("encoded 10 of 100 pictures, 1 a second, 90 s left\n")
        assert len(terminal.getvalue().splitlines()) == 9
