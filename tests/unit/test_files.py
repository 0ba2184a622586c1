"""A file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from crossalign.files import draft_of, replacing, sweep, write_bytes, write_text


def names(folder):
    return sorted(os.listdir(folder))


def test_a_file_is_written_whole_with_its_folders(tmp_path):
    assert write_text(tmp_path / "a" / "b.txt", "é\n").read_bytes() == b"\xc3\xa9\n"
    assert write_bytes(tmp_path / "a" / "b.txt", b"new").read_bytes() == b"new"
    assert names(tmp_path / "a") == ["b.txt"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError])
def test_a_write_that_breaks_off_leaves_the_old_content_and_nothing_else(tmp_path, error):
    write_text(tmp_path / "f", "old")
    def write():
        with replacing(tmp_path / "f") as draft:
            draft.write_text("ha")
            raise error

    with pytest.raises(error):
        write()
    assert (tmp_path / "f").read_text() == "old"
    assert names(tmp_path) == ["f"]


def test_a_full_disk_is_one_sentence_that_names_the_file_and_leaves_the_old_content(tmp_path):
    write_text(tmp_path / "f", "old")
    code = ("import resource, signal, sys; from crossalign.files import write_bytes\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
            "try: write_bytes(sys.argv[1], bytes(5000))\n"
            "except OSError as error: print(error)")
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path / "f")], capture_output=True,
                          text=True, check=True).stdout
    assert said == (f"cannot write '{tmp_path / 'f'}' (File too large); choose a writable folder "
                    "with enough space.\n")
    assert (tmp_path / "f").read_text() == "old"
    assert names(tmp_path) == ["f"]


def test_a_link_stays_a_link_and_what_it_points_to_is_replaced(tmp_path):
    write_text(tmp_path / "real" / "f", "old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "f")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "f").read_text() == "new"


def test_what_a_killed_writer_left_goes_when_it_is_old_and_nothing_else_does(tmp_path):
    old, young = tmp_path / ".f.0123abcd.part", tmp_path / ".f.4567abcd.part"
    others = [tmp_path / n for n in (".g.0123abcd.part", "f.part", ".f.part", ".f.0123.part")]
    for file in (old, young, *others):
        file.write_text("")
        os.utime(file, (0, 0) if file != young else (time.time(), time.time()))
    write_text(tmp_path / "f", "")
    assert names(tmp_path) == sorted(["f", young.name, *(f.name for f in others)])
    sweep(tmp_path, "f")
    assert not young.exists()


@pytest.mark.parametrize(("name", "of"), [
    (".a.json.0123abcd.part", "a.json"), ("..a.0123abcd.part", ".a"), ("a.0123abcd.part", None),
    (".a.0123ABCD.part", None), (".a.0123abcd.party", None), (".0123abcd.part", None)])
def test_drafts_are_told_by_their_names(name, of):
    assert draft_of(name) == of
