"""A space of clips answers about raw clips from its folder alone."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from complaints import complaint
from moving_box import CLASSES, framed_folder, moving_box, write_frames, write_video
from PIL import Image
from typer.testing import CliRunner

import crossalign as ca
from crossalign.cli import app
from crossalign.data import time_pooling
from crossalign.data.catalog import load_whole
from crossalign.data.formats.clips import Film, read_clip
from crossalign.data_options import DataOptions
from crossalign.serve.limits import AskError, Limits
from crossalign.serve.served import Served
from crossalign.serve.uploads import picture_in
from crossalign.space import build_space
from crossalign.space.items import kind_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = framed_folder(tmp_path_factory.mktemp("data") / "frames", each=6)
    for clip in root.glob("*/*"):
        clip.with_suffix(".txt").write_text(f"a box that {clip.parent.name.replace('_', ' ')}")
    return root


@pytest.fixture(scope="module")
def places(folder, tmp_path_factory):
    """Spaces of clips whose frames are pooled in two ways, by the name of the pooling."""
    out, said = tmp_path_factory.mktemp("spaces"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time_pooling, "enough_epochs", lambda *_: 3)
        for pool, captions in (("time", False), ("mean", True)):
            build_space(DataOptions(data=str(folder), frames="5", pool=pool), out / pool,
                        models=["linear_cosine"], captions=captions, log=said.append)
    assert any("clips by 5 frames, spread over each, pooled by time" in line for line in said)
    return out


@pytest.fixture(params=["time", "mean"])
def space(request, places):
    opened = ca.Space.open(places / request.param)
    yield opened
    opened.close()


@pytest.fixture
def copied(places, tmp_path):
    shutil.copytree(places / "mean", tmp_path / "space")
    opened = ca.Space.open(tmp_path / "space")
    yield opened
    opened.close()


def test_a_space_embeds_clips_as_it_was_fitted_on_them(space, folder):
    files = sorted(path for path in folder.glob("*/*") if path.is_dir())
    views = load_whole(folder, "gzsl", frames=5).samples.views
    features, side = space.features(files)
    assert side == "clip"
    np.testing.assert_array_equal(features, space.fitted.pooled(views)["clip"])
    ids = [f"{file.parent.name}/{file.name}" for file in files]
    hits = [space.search(file, 1, modality="clip")[0] for file in files]
    assert [hit.payload["class"] for hit in hits] == [file.parent.name for file in files]
    assert sum(hit.id == name for hit, name in zip(hits, ids, strict=True)) > 20    # few are equal
    assert space.modalities == ["clip", "text"]


def test_all_forms_of_a_clip_are_one(space, folder, tmp_path):
    clip = next(path for path in sorted(folder.glob("*/*")) if path.is_dir())
    pixels = [np.asarray(Image.open(file)) for file in sorted(clip.glob("*.png"))]
    of_file = space.embed(clip)
    np.testing.assert_array_equal(space.embed(Film(pixels)), of_file)
    opened = Film([Image.fromarray(p) for p in pixels])
    np.testing.assert_array_equal(space.embed([opened]), of_file)
    alone = space.embed(Film(pixels[:1]))
    for picture in (pixels[0], sorted(clip.glob("*.png"))[0]):      # a picture is one frame
        np.testing.assert_array_equal(space.embed(picture), alone)
    np.testing.assert_allclose(space.embed([clip, pixels[0]]), np.concatenate([of_file, alone]),
                               rtol=1e-3, atol=1e-6)


def test_a_video_is_recognised(space, tmp_path):
    rng = np.random.default_rng(9)
    for name in CLASSES:
        write_video(tmp_path / f"{name}.mp4", moving_box(name, 12, rng))
    files = [tmp_path / f"{name}.mp4" for name in CLASSES]
    found = space.recognise(files)
    assert [set(answer.names) for answer in found] == [set(CLASSES)] * 5
    films = [Film(read_clip(file, 99, None, "RGB").pixels) for file in files]
    for one, other in zip(found, space.recognise(films), strict=True):
        assert one.names == other.names


def test_captions_grow_with_the_space(copied, folder):
    clip = folder / "stays" / "clip_0"
    assert len(copied.caption([clip, clip])) == 2
    copied.add_class("goes round", "a box that goes round")
    copied.add(clip, ids=["again"], payload=[{"class": "stays"}])
    about = copied.index.payload(["again"])[0]
    assert about["modality"] == "clip"
    assert about["said"] == copied.caption(clip)[0]
    assert "goes round" in copied.recognise(clip, k=6)[0].names
    assert copied.add(folder / "stays" / "clip_1") == ["stays/clip_1"]              # it is there
    copied.close()
    again = ca.Space.open(copied.folder)
    assert again.readers.frames == 5
    assert again.search(Film([np.zeros((8, 8), np.uint8)]), 1)[0].payload["modality"] == "clip"
    again.close()


def test_the_map_of_a_clip_is_how_odds_fall_without_each_frame(space, folder):
    clip = folder / "goes_up" / "clip_1"
    found, name = space.occlusion(clip), space.recognise(clip)[0].names[0]
    shown = read_clip(clip, 5, None, "RGB").pixels
    assert (found.said, found.clip, len(shown)) == (name, True, len(found.falls))
    assert found.probability == pytest.approx(space.recognise(clip)[0].probabilities[0], abs=1e-5)

    def odds(frames):
        return space.recognition.log_odds(space.looked_at([Film(frames)]), name)[0]

    for i, (fall, frame) in enumerate(zip(found.falls, found.pictures, strict=True)):
        np.testing.assert_array_equal(frame, shown[i])
        assert fall.shape == frame.shape[:2]
        np.testing.assert_allclose(fall, odds(shown) - odds(shown[:i] + shown[i + 1:]), atol=1e-3)
    complaint(lambda: space.occlusion([clip, clip]), "items: got 2 clips")
    complaint(lambda: space.occlusion(Film(shown[:1])), "items: got a clip of one frame")


def test_the_command_draws_frames_and_bars(places, folder, tmp_path):
    target = tmp_path / "strip.png"
    for command in ("recognise", "caption"):
        ran = CliRunner().invoke(app, [command, str(places / "mean"), str(
            folder / "stays" / "clip_0"), "--occlusion", str(target.with_stem(command))])
        assert ran.exit_code == 0, ran.output
        with Image.open(target.with_stem(command)) as drawn:
            assert drawn.width > 600


def test_the_server_sends_what_the_command_draws(places, folder, tmp_path):
    with closing(ca.Space.open(places / "mean")) as space:
        clip = Film(read_clip(folder / "goes_up" / "clip_1", 5, None, "RGB").pixels)
        found = space.occlusion(clip)
        found.save(tmp_path / "strip.png")
        sent = Served(space, Limits()).occlusion([clip], "class", None)
        assert picture_in(sent["strip"]) == ("image/png", (tmp_path / "strip.png").read_bytes())
        assert sent["falls"] == pytest.approx([fall.mean() for fall in found.falls])
        late = Served(space, Limits(seconds=0))
        with pytest.raises(AskError, match="more than 0 seconds"):
            late.occlusion([clip], "class", None)
        complaint(lambda: Served(space, Limits()).occlusion(clip.frames[:1], "class", None),
                  "items: got a clip of one frame")


def test_the_small_picture_is_a_strip_of_frames(places):
    import base64
    import io

    opened = ca.Space.open(places / "mean")
    about = opened.index.payload(["stays/clip_0", "goes_up/clip_1"])
    opened.close()
    for one in about:
        strip = Image.open(io.BytesIO(base64.b64decode(one["thumb"].partition(",")[2])))
        frames = min(4, len(list((Path(opened.fitted.source["data"]) / one["file"]).glob("*.png"))))
        assert strip.size == (64 * frames, 48)


def test_what_does_not_fit_is_one_sentence(places, folder, tmp_path):
    opened = ca.Space.open(places / "time")
    for item, words in ((tmp_path / "no.mp4", "there is no"), (Film([]), "it has no frame"),
                        (tmp_path / "no.png", "is no file")):
        complaint(lambda item=item: opened.recognise(item), words)
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    complaint(lambda: opened.recognise(tmp_path / "broken.mp4"), "cannot be read as a video")
    complaint(lambda: opened.recognise("a box"), "got 'a box', a text; give clips")
    complaint(lambda: opened.migrate("other.tflite"), "holds clips", "build the space again")
    opened.close()
    for options, words in ((DataOptions(data=str(folder)), "--frames N"),
                           (DataOptions(data=str(folder), frames="5", tokens=True), "tokens:"),
                           (DataOptions(data=str(folder), frames="5", pool="x"), "pool: got 'x'")):
        complaint(lambda options=options: build_space(options, tmp_path / "out", log=str), words)
    assert not (tmp_path / "out").exists()


def test_a_space_of_pictures_refuses_clips(tmp_path):
    from shapes import picture_folder

    out = tmp_path / "space"
    (tmp_path / "shapes").mkdir()
    build_space(DataOptions(data=str(picture_folder(tmp_path / "shapes"))), out,
                models=["linear_cosine"], log=str)
    opened = ca.Space.open(out)
    write_frames(tmp_path / "clip", np.zeros((2, 8, 8, 3), np.uint8))
    for item in (tmp_path / "clip", tmp_path / "a.mp4", Film([np.zeros((8, 8), np.uint8)])):
        assert kind_of(item) == "clip"
        complaint(lambda item=item: opened.search(item), "does not embed clips")
        complaint(lambda item=item: opened.recognise(item), "a clip; give images")
    opened.close()


def test_the_command_line_reads_clips_and_folders_of_them(places, folder, tmp_path):
    place = str(places / "mean")
    clips = [str(path) for path in sorted(folder.glob("stays/*")) if path.is_dir()]
    one = CliRunner().invoke(app, ["recognise", place, *clips, "--json"])
    whole = CliRunner().invoke(app, ["recognise", place, str(folder / "stays"), "--json"])
    assert one.exit_code == 0
    assert json.loads(one.stdout) == json.loads(whole.stdout)
    found = CliRunner().invoke(app, ["search", place, "--clip", clips[0], "--k", "1", "--json"])
    assert json.loads(found.stdout)["hits"][0]["payload"]["class"] == "stays"
    said = CliRunner().invoke(app, ["caption", place, clips[0]])
    assert said.stdout.startswith(f"{clips[0]}: ")
    nothing = CliRunner().invoke(app, ["recognise", place, str(tmp_path)])
    assert "holds no clip" in str(nothing.exception)
