"""Folders of clips: video files and folders of frames, read as frames in their order."""

import io
import json
import os
import sys

import numpy as np
import pytest
from complaints import complaint
from moving_box import CLASSES, framed_folder, moving_box, write_frames, write_video
from PIL import Image
from typer.testing import CliRunner

from crossalign import data
from crossalign.cli import app
from crossalign.data.catalog import load_whole, read_said
from crossalign.data.class_clips import class_clips
from crossalign.data.formats import videos
from crossalign.data.formats.clips import frame_files, read_clip, spread
from crossalign.data_options import DataOptions
from crossalign.encoders import HOG
from crossalign.encoders.clips import ClipEncoder, frames_of
from crossalign.evaluation.figures.items import shown_picture


@pytest.fixture
def framed(tmp_path):
    return framed_folder(tmp_path / "clips")


def test_frames_are_spread_evenly():
    for count in range(1, 40):
        for frames in (1, 3, 8):
            found = spread(count, frames)
            assert len(found) == min(count, frames)
            assert sorted(set(found)) == found
            assert 0 <= found[0] <= found[-1] < count
            if count > frames:          # each in its part, in the middle of it
                for part, number in enumerate(found):
                    assert abs(number + 0.5 - (part + 0.5) * count / frames) <= 0.5
    assert spread(9, 1) == [4]


def test_frames_stand_by_their_numbers(tmp_path):
    write_frames(tmp_path / "clip", np.zeros((12, 4, 4, 3), np.uint8))
    (tmp_path / "clip" / "notes.txt").write_text("no frame")
    assert [int(file.stem) for file in frame_files(tmp_path / "clip")] == list(range(12))


def test_frames_of_one_number_stand_by_their_names(tmp_path, monkeypatch):
    for name in ("01.png", "1.png", "A2.png", "a2.png"):
        (tmp_path / name).touch()
    orders = []
    for turn in (1, -1):                            # as two file systems may list them
        listed = sorted(tmp_path.iterdir())[::turn]
        with monkeypatch.context() as patch:
            patch.setattr(type(tmp_path), "iterdir", lambda _, listed=listed: iter(listed))
            orders.append([file.name for file in frame_files(tmp_path)])
    assert orders[0] == orders[1] == ["01.png", "1.png", "A2.png", "a2.png"]


def test_a_folder_of_frames_is_read_in_order(tmp_path):
    frames = moving_box("goes_right", 12, np.random.default_rng(0))
    write_frames(tmp_path / "clip", frames)
    clip = read_clip(tmp_path / "clip", 4, None, "RGB")
    assert not clip.notes
    np.testing.assert_array_equal(np.stack(clip.pixels), frames[[1, 4, 7, 10]])
    assert len(read_clip(tmp_path / "clip", 50, 16).pixels) == 12
    assert read_clip(tmp_path / "clip", 1, 16).pixels[0].shape == (16, 16)


def test_clips_are_token_rows_with_a_mask(framed):
    bench = data.load(framed, "gzsl", frames=6, tokens=True)
    assert bench["train"].kinds == {"clip": "tokens"}
    assert bench["train"].widths == {"clip": 512}
    assert bench.protocol["features"]["frames"] == "6 at most, spread over a clip"
    for views in bench.splits.values():
        mask = views.masks["clip"]
        assert mask.shape == (len(views), 6)
        for i, name in enumerate(views.ids):
            files = frame_files(framed / name)
            chosen = spread(len(files), 6)
            assert mask[i].tolist() == [t < len(chosen) for t in range(6)]
            pictures = np.stack([np.asarray(Image.open(files[j]).convert("L").resize(
                (64, 64), Image.Resampling.BICUBIC)) for j in chosen])
            np.testing.assert_allclose(views["clip"][i][mask[i]], HOG().encode(pictures), atol=1e-6)
            assert (views["clip"][i][~mask[i]] == 0).all()


def test_every_pooling_makes_vectors_of_clips(framed):
    widths = {"mean": 512, "flat": 5 * 512, "time": 128}
    for how, width in widths.items():
        bench = data.load(framed, "gzsl", frames=5, pool=how)
        assert bench["train"].kinds == {"clip": "vectors"}
        assert bench["train"].widths == {"clip": width}
    assert data.load(framed, "gzsl", frames=5).protocol["tokens"] == "pooled: time"
    found = data.load(framed, "retrieval", frames=5, pool="mean")
    assert set(found["train"].modalities) == {"clip", "text"}


def test_frames_must_be_asked_for(framed):
    complaint(lambda: data.load(framed), "one level too high", "--frames N")
    complaint(lambda: data.load(framed, frames=0), "frames: got 0; give a whole number, from 1")
    complaint(lambda: data.load("glyphs", frames=4), "frames: given for glyphs")
    complaint(lambda: data.load(framed, "gzsl", frames=4, encoder=HOG(tokens=True)),
              "encoder: gives tokens of every frame")


def test_the_command_line_reads_clips(framed):
    words = ["run", "ridge_map", "--data", str(framed), "--task", "gzsl", "--no-tune", "--json"]
    ran = CliRunner().invoke(app, [*words, "--frames", "3", "--pool", "flat"])
    assert ran.exit_code == 0, ran.exception
    protocol = json.loads(ran.stdout)["protocol"]
    assert protocol["tokens"] == "pooled: flat"
    assert protocol["features"]["frames"].startswith("3 at most")
    ran = CliRunner().invoke(app, [*words, "--frames", "3", "--pairs", "4"])
    assert "pool: 'time' was learnt from all training rows" in str(ran.exception)


def test_what_cannot_be_read_is_named(framed):
    (framed / "stays" / "clip_0" / "0.png").write_bytes(b"nothing")
    (framed / "stays" / "empty").mkdir()
    (framed / "stays" / "a.doc").touch()
    noted = data.load(framed, "gzsl", frames=12, tokens=True).protocol["noted"]["not_read"]
    assert noted["count"] == 3
    told = " ".join(noted["first"])
    assert "stays/clip_0" in told
    assert "stays/empty (a folder without a frame)" in told
    assert "stays/a.doc (no video)" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_and_classes_without_a_clip_are_named(framed):
    (framed / "nothing_here").mkdir()
    os.mkfifo(framed / "stays" / "pipe.mp4")
    by_class, noted = class_clips(framed)
    assert [clip.name for clip in by_class["stays"]] == [f"clip_{i}" for i in range(4)]
    assert "nothing_here" not in by_class
    assert noted == {"not_read": ["clips/nothing_here (a folder without a clip)",
                                  "stays/pipe.mp4 (no video)"]}


def test_what_is_said_is_found_where_frames_are_given(framed):
    for file in framed.glob("*/*"):
        file.with_suffix(".txt").write_text(f"a box that {file.parent.name}")
    whole = load_whole(framed, "caption", frames=3)
    said = read_said(framed, "caption", frames=3)(whole.samples)
    train = whole.benchmark["train"]
    assert said.of(train) == whole.benchmark.said.of(train)


def test_the_encoder_of_clips_pads_behind():
    rng = np.random.default_rng(0)
    clips = [[rng.integers(0, 256, (64, 64), dtype=np.uint8) for _ in range(n)] for n in (1, 3, 2)]
    rows, mask = frames_of(ClipEncoder(HOG(), 3).encode(clips))
    assert mask.tolist() == [[True, False, False], [True] * 3, [True, True, False]]
    for clip, row, real in zip(clips, rows, mask, strict=True):
        np.testing.assert_array_equal(row[real], HOG().encode(np.stack(clip)))
        assert (row[~real] == 0).all()
    complaint(lambda: ClipEncoder(HOG(), 2.5), "frames: got 2.5")
    complaint(lambda: ClipEncoder(HOG(), 2).encode(clips), "clips[1]: it has 3 frames; give 1 to 2")
    complaint(lambda: ClipEncoder(HOG(), 2).encode([[]]), "clips[0]: it has 0 frames; give 1 to 2")


def test_pictures_among_clips_are_refused(framed):
    picture = Image.new("L", (8, 8))
    picture.save(framed / "stays" / "clip_0.png")                     # a preview
    assert data.load(framed, "gzsl", frames=3, tokens=True).protocol["noted"]["not_read"] == {
        "count": 1, "first": ["stays/clip_0.png (no video)"]}
    picture.save(framed / "stays" / "other.png")
    complaint(lambda: data.load(framed, frames=3), "holds clips, as goes_down/clip_0, and "
              "pictures, as stays/other.png; put each into a folder of its own")
    for number in range(2):
        (framed / "goes_up" / f"{number}.mp4").touch()
    complaint(lambda: data.load(framed), "holds clips, as ", "put each into a folder of its own")


# -- video files -------------------------------------------------------------------------------
@pytest.fixture
def filmed(tmp_path):
    """Classes of video files."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "videos" / name).mkdir(parents=True)
        for number in range(4):
            write_video(tmp_path / "videos" / name / f"{number}.mp4",
                        moving_box(name, int(rng.integers(4, 20)), rng))
    return tmp_path / "videos"


def test_a_video_is_read_like_its_frames(tmp_path):
    frames = moving_box("goes_down", 20, np.random.default_rng(0))
    for suffix, codec in ((".mp4", "mpeg4"), (".avi", "mjpeg"), (".mkv", "mpeg4")):
        write_video(tmp_path / f"a{suffix}", frames, codec)
        clip = read_clip(tmp_path / f"a{suffix}", 5, None, "RGB")
        expected = frames[spread(20, 5)]
        assert len(clip.pixels) == 5
        assert not clip.notes
        for found, wanted in zip(clip.pixels, expected, strict=True):
            assert found.shape == wanted.shape
            assert np.abs(found.astype(int) - wanted).mean() < 8       # codecs lose a little
    assert len(read_clip(tmp_path / "a.mp4", 64, 16).pixels) == 20


NUMBERS = [43, 131, 218, 306, 393, 481, 568, 656]


def numbered(file, codec, count=700, **options):
    """Write a video whose frames show their numbers in black and white squares."""
    frames = (np.arange(count)[:, None] >> np.arange(12) & 1).reshape(count, 3, 4, 1, 1)
    frames = np.tile(frames, (16, 16)).swapaxes(2, 3).reshape(count, 48, 64)
    write_video(file, np.repeat(255 * frames[..., None], 3, axis=3).astype(np.uint8), codec,
                options=options)


def number_of(pixels):
    squares = pixels.reshape(3, 16, 4, 16)[:, 4:12, :, 4:12].mean(axis=(1, 3)).ravel() > 128
    return int((squares << np.arange(12)).sum())


@pytest.mark.parametrize(("suffix", "codec", "options"), [
    (".mp4", "libx264", {"bf": "2"}), (".mkv", "libx264", {"bf": "2"}), (".mp4", "mpeg4", {}),
    (".avi", "mpeg4", {}), (".avi", "libx264", {}), (".mov", "mjpeg", {}),
    (".mpg", "mpeg2video", {"bf": "2"}), (".webm", "libvpx-vp9", {"deadline": "realtime"})])
def test_of_a_long_video_the_frames_asked_for_are_read(tmp_path, suffix, codec, options):
    file = tmp_path / f"long{suffix}"
    try:
        numbered(file, codec, g="30", **options)
    except ValueError as error:
        pytest.skip(f"this FFmpeg writes none: {error}")
    assert spread(700, 8) == NUMBERS
    assert [number_of(pixels) for pixels in read_clip(file, 8, None).pixels] == NUMBERS
    assert [number_of(pixels) for pixels in read_clip(file, 1, None).pixels] == [350]


def test_of_a_long_video_no_more_is_decoded_than_the_frames_need(tmp_path, monkeypatch):
    numbered(tmp_path / "long.mp4", "mpeg4", g="25")
    decoded = []
    monkeypatch.setattr(videos, "_check_frame", lambda frame, count: decoded.append(count))
    read_clip(tmp_path / "long.mp4", 4, 16)
    assert decoded[-1] == len(decoded) <= 4 * 25
    decoded.clear()
    monkeypatch.setattr(videos, "SHORT", 700)                         # in order, from the first
    read_clip(tmp_path / "long.mp4", 4, 16)
    assert len(decoded) == 700


def test_packets_and_decoded_frames_have_a_limit(tmp_path, monkeypatch):
    numbered(tmp_path / "long.mp4", "mpeg4", g="600")
    monkeypatch.setattr(videos, "MOST_DECODED", 300)
    complaint(lambda: read_clip(tmp_path / "long.mp4", 4, 16), "long.mp4",
              "more than 300 of its frames would have to be decoded", "cut it into pieces")
    monkeypatch.setattr(videos, "MOST_PACKETS", 600)
    complaint(lambda: read_clip(tmp_path / "long.mp4", 4, 16), "long.mp4",
              "more than 600 packets", "cut it into pieces")


def test_the_cover_of_a_film_is_not_the_film(tmp_path):
    """Whichever stream comes first: Matroska does not say that a picture is a cover."""
    av = pytest.importorskip("av")
    file = tmp_path / "film.mkv"
    with av.open(str(file), "w") as container:
        streams = [container.add_stream(codec, rate=10) for codec in ("mjpeg", "mpeg4")]
        for stream, pixels in zip(streams, ("yuvj420p", "yuv420p"), strict=True):
            stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for stream, shades in zip(streams, ([255], range(20, 220, 20)), strict=True):
            for shade in shades:
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8))
                container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode())
    with av.open(str(file)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
    pixels = read_clip(file, 5, None).pixels
    np.testing.assert_allclose([frame.mean() for frame in pixels], [40, 80, 120, 160, 200], atol=4)


def test_a_video_cut_before_its_head_ends_is_one_sentence(tmp_path):
    file = tmp_path / "film.mp4"
    write_video(file, moving_box("goes_up", 12, np.random.default_rng(0)))
    whole = file.read_bytes()
    for kept in (8, 100, whole.index(b"stsd"), whole.index(b"stsd") + 20):
        file.write_bytes(whole[:kept])
        said = complaint(lambda: read_clip(file, 3, None))
        assert said.startswith(f"path: {str(file)!r} cannot be read as a video")
        assert "attribute" not in said


def test_a_list_of_other_files_is_no_video(tmp_path):
    numbered(tmp_path / "other.mp4", "mpeg4", count=20)
    lists = {"list.mp4": ("#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", "other.mp4"),
             "concat.mp4": ("ffconcat version 1.0", "file other.mp4")}
    for name, lines in lists.items():
        (tmp_path / name).write_text("\n".join(lines))
        complaint(lambda name=name: read_clip(tmp_path / name, 4, 16), name, "cannot be read as a")


def test_a_folder_of_videos_is_data(filmed):
    bench = data.load(filmed, "gzsl", tokens=True)
    assert bench["train"].kinds == {"clip": "tokens"}
    assert bench["train"].masks["clip"].shape[1] == 8
    for views in bench.splits.values():
        for name, mask in zip(views.ids, views.masks["clip"], strict=True):
            assert mask.sum() == len(read_clip(filmed / name, 8, 16).pixels)


def test_broken_videos_say_what_is_wrong(filmed, tmp_path):
    whole = (filmed / "stays" / "0.mp4").read_bytes()
    for name, content, words in (("no.mp4", b"not a video", "cannot be read as a video"),
                                 ("empty.mp4", b"", "cannot be read as a video"),
                                 ("cut.mp4", whole[:200], "cannot be read as a video")):
        (tmp_path / name).write_bytes(content)
        complaint(lambda name=name: read_clip(tmp_path / name, 4, 16), words, name)
    (filmed / "stays" / "broken.mp4").write_bytes(whole[:200])
    noted = data.load(filmed, "gzsl", tokens=True).protocol["noted"]["not_read"]
    assert noted == {"count": 1, "first": [
        "stays/broken.mp4 (Invalid data found when processing input)"]}
    for name in CLASSES:
        for file in (filmed / name).iterdir():
            file.write_bytes(b"nothing")
    complaint(lambda: data.load(filmed, "gzsl"), "path: none of 21 clips can be read, first")


def test_a_frame_larger_than_the_video_says_is_refused(tmp_path, monkeypatch):
    av = pytest.importorskip("av", reason="PyAV, which writes the videos of this test")
    with av.open(str(tmp_path / "grows.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        container.start_encoding()
        for number, side in enumerate((32,) * 8 + (256,) * 2):
            pixels = io.BytesIO()
            Image.new("RGB", (side, side)).save(pixels, "JPEG")
            packet = av.Packet(pixels.getvalue())
            packet.stream, packet.pts, packet.dts = stream, number, number
            container.mux(packet)
    assert len(read_clip(tmp_path / "grows.avi", 10, 16).pixels) == 10
    monkeypatch.setattr(videos, "LARGEST", 100**2)
    complaint(lambda: read_clip(tmp_path / "grows.avi", 10, 16), "megapixels, more than the")


def test_clips_are_validated(framed, filmed):
    for where, given in ((framed, {"frames": 4}), (filmed, {})):
        told = dict(data.validate(where, "gzsl", **given))
        assert "clip" in told["split train"]


def test_a_video_without_frames_says_so(tmp_path):
    av = pytest.importorskip("av", reason="PyAV, which writes the videos of this test")
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    complaint(lambda: read_clip(tmp_path / "sound.mkv", 4, 16), "it holds no video")
    with av.open(str(tmp_path / "none.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        container.start_encoding()
    complaint(lambda: read_clip(tmp_path / "none.avi", 4, 16), "cannot be read as a video")
    (tmp_path / "none").mkdir()
    complaint(lambda: read_clip(tmp_path / "none", 4, 16), "holds no frame")


def test_without_pyav_a_sentence_names_the_extra(tmp_path, monkeypatch):
    for name in CLASSES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").touch()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"PyAV: pip install 'crossalign\[video\]'"):
        data.load(tmp_path)


def test_a_number_of_frames_is_a_number(framed):
    complaint(lambda: DataOptions(data=str(framed), frames="some").load(), "frames: got 'some'")


QUARTER = {"right": (0, 1, -1, 0), "left": (0, -1, 1, 0), "over": (-1, 0, 0, -1)}
"""Matrices of a track header (ISO 14496-12, 8.3.2): x' = a x + c y and y' = b x + d y, y down."""


@pytest.mark.parametrize(("turn", "corner"), [
    ("right", (0, -1)), ("left", (-1, 0)), ("over", (-1, -1))])
def test_a_video_that_was_filmed_sideways_is_turned_upright(tmp_path, turn, corner):
    frames = np.zeros((4, 48, 64, 3), np.uint8)
    frames[:, :16, :16] = 255                                      # the upper left corner
    write_video(tmp_path / "a.mp4", frames)
    content = bytearray((tmp_path / "a.mp4").read_bytes())
    start = content.index(b"tkhd") + 4 + 40                        # of the matrix, version 0
    a, b, c, d = (value * 2**16 for value in QUARTER[turn])
    content[start:start + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 2**30], ">i4").tobytes()
    (tmp_path / "a.mp4").write_bytes(content)
    found = read_clip(tmp_path / "a.mp4", 1, None).pixels[0].astype(int)
    assert found.shape == ((48, 64) if turn == "over" else (64, 48))
    rows, columns = (slice(16) if at == 0 else slice(-16, None) for at in corner)
    assert found[rows, columns].mean() > 230
    assert found.sum() < 1.2 * found[rows, columns].sum()


def test_a_page_shows_some_frames_side_by_side(filmed, framed):
    for where, given in ((filmed, {}), (framed, {"frames": 4})):
        bench = data.load(where, "gzsl", tokens=True, **given)
        shown = shown_picture(bench["train"], 0, "clip")
        frames = len(read_clip(where / bench["train"].ids[0], 4, 64).pixels)
        assert shown.shape == (64, 64 * frames, 3)
    for file in (filmed / "stays").iterdir():
        file.unlink()
    of_none = data.load(filmed, "gzsl", tokens=True)["train"]
    (filmed / of_none.ids[0]).unlink()
    assert shown_picture(of_none, 0, "clip") is None
