"""Pictures of every kind, depth and size, told by what NumPy says of their pixels."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from complaints import complaint
from PIL import Image, TiffImagePlugin

from crossalign.data.formats import pictures
from crossalign.data.formats.pictures import read_picture, read_pictures, scaled

GREY = np.clip(np.add.outer(3 * np.arange(32), 5 * np.arange(48)), 0, 255).astype(np.uint8)
SIDE = 8


def pixels(file, mode="L"):
    return read_picture(file, SIDE, mode).pixels.astype(int)


@pytest.fixture
def grey(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    return pixels(tmp_path / "grey.png")


# -- depth -------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "jp2"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, grey, suffix):
    file = tmp_path / f"deep.{suffix}"
    Image.fromarray(GREY.astype(np.uint16) * 257).save(file)
    found = read_picture(file, SIDE)
    np.testing.assert_array_equal(found.pixels, grey)
    assert found.notes == {}


def test_both_orders_of_bytes_are_read(tmp_path, grey):
    deep = (GREY.astype(np.uint16) * 257).astype(">u2")
    Image.frombytes("I;16B", (48, 32), deep.tobytes()).save(tmp_path / "big.tif")
    np.testing.assert_array_equal(pixels(tmp_path / "big.tif"), grey)


@pytest.mark.parametrize(("values", "scale"), [
    (np.rint(GREY / 255 * 4095).astype(np.uint16), "0 to 4095"),
    (GREY.astype(np.uint16), "0 to 255"), (GREY.astype(np.int32), "0 to 255"),
    (GREY.astype(np.int32) * 257, None), (GREY.astype(np.int32) * 2**23, "0 to 2.1391e+09"),
    ((GREY / 255).astype(np.float32), None), (GREY.astype(np.float32), "0 to 255"),
    (GREY.astype(np.float32) * 257, "0 to 65535"),
    (GREY.astype(np.float32) * 100 - 9000, "-9000 to 16500")])
def test_other_numbers_are_scaled_and_it_is_said_how(tmp_path, grey, values, scale):
    Image.fromarray(values).save(tmp_path / "x.tif")
    found = read_picture(tmp_path / "x.tif", SIDE)
    np.testing.assert_allclose(found.pixels.astype(int), grey, atol=1)
    assert found.notes == ({} if scale is None else {"scaled_by_their_values": scale})


def test_unsigned_numbers_of_32_bits_do_not_turn_negative(tmp_path):
    """Beyond 2^31, written as any TIFF is: Pillow cannot write one."""
    values = np.array([[0, 2**31], [2**31 + 2**30, 2**32 - 1]], dtype="<u4")
    tags = [(256, 4, 2), (257, 4, 2), (258, 3, 32), (259, 3, 1), (262, 3, 1), (273, 4, 8),
            (277, 3, 1), (278, 4, 2), (279, 4, 16), (339, 3, 1)]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    (tmp_path / "u.tif").write_bytes(b"II*\0" + struct.pack("<I", 24) + values.tobytes()
                                     + struct.pack("<H", len(tags)) + body + bytes(4))
    found = read_picture(tmp_path / "u.tif", 2).pixels
    np.testing.assert_allclose(found, [[0, 128], [191, 255]], atol=1)


@pytest.mark.parametrize(("values", "want"), [
    (np.array([[0, 65535]], np.uint16), [[0, 255]]), (np.array([[7, 7]], np.int32), [[7, 7]]),
    (np.array([[-3.0, -3.0]]), [[0, 0]]), (np.array([[0.0, 0.5, 1.0]]), [[0, 128, 255]]),
    (np.array([[-1, 0, 1]], np.int16), [[0, 128, 255]])])
def test_scaled_numbers_are_those_of_the_rule(values, want):
    np.testing.assert_array_equal(scaled(values)[0], want)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    for value in (np.nan, np.inf):
        Image.fromarray(np.array([[0, value]], np.float32)).save(tmp_path / "n.tif")
        complaint(lambda: read_picture(tmp_path / "n.tif", SIDE), "n.tif", "not finite")


def test_white_may_be_zero_in_sixteen_bits(tmp_path, grey):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0
    Image.fromarray((255 - GREY).astype(np.uint16) * 257).save(tmp_path / "w.tif", tiffinfo=tags)
    np.testing.assert_array_equal(pixels(tmp_path / "w.tif"), grey)


# -- colours -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("mode", "suffix"), [
    ("RGB", "png"), ("RGBA", "png"), ("CMYK", "tif"), ("YCbCr", "tif"), ("LA", "png"),
    ("P", "png"), ("P", "gif"), ("RGB", "bmp"), ("RGB", "webp"), ("RGB", "ppm"), ("L", "tga"),
    ("RGB", "qoi"), ("RGB", "jfif")])
def test_one_picture_looks_alike_in_every_mode_and_format(tmp_path, grey, mode, suffix):
    file = tmp_path / f"x.{suffix}"
    options = {"webp": {"lossless": True}, "jfif": {"quality": 100}}.get(suffix, {})
    Image.fromarray(GREY).convert(mode).save(file, **options)
    np.testing.assert_allclose(pixels(file), grey, atol=2)
    np.testing.assert_allclose(pixels(file, "RGB"), np.repeat(grey[..., None], 3, 2), atol=2)


def test_transparent_parts_are_white_however_they_are_marked(tmp_path):
    ink = np.zeros((8, 8), np.uint8)
    clear = np.zeros((8, 8), bool)
    clear[:, 4:] = True
    alpha = Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))
    want = np.where(clear, 255, 0)
    black = Image.fromarray(ink)
    Image.merge("RGBA", [black] * 3 + [alpha]).save(tmp_path / "rgba.png")
    Image.merge("LA", [black, alpha]).save(tmp_path / "la.png")
    palette = Image.fromarray(clear.astype(np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "p.png", transparency=1)
    palette.save(tmp_path / "p.gif", transparency=1)
    Image.fromarray(np.where(clear, 7, 0).astype(np.uint8)).save(tmp_path / "l.png", transparency=7)
    Image.fromarray(np.where(clear, 700, 0).astype(np.uint16)).save(tmp_path / "i.png",
                                                                    transparency=700)
    for file in sorted(tmp_path.iterdir()):
        np.testing.assert_array_equal(pixels(file), want, err_msg=file.name)


# -- which way up ------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("depth", [8, 16])
def test_pictures_are_upright_whatever_their_head_says(tmp_path, grey, suffix, depth):
    """Orientations of the EXIF standard, 2 to 8, undone by NumPy."""
    if depth == 16 and suffix in ("jpg", "webp"):
        return
    stored = {2: np.fliplr(GREY), 3: np.rot90(GREY, 2), 4: np.flipud(GREY), 5: GREY.T,
              6: np.rot90(GREY), 7: np.rot90(GREY, 2).T, 8: np.rot90(GREY, -1)}
    for way, values in stored.items():
        exif = Image.Exif()
        exif[0x0112] = way
        deep = values.astype(np.uint16) * 257 if depth == 16 else values
        options = {"jpg": {"quality": 100}, "webp": {"lossless": True}}.get(suffix, {})
        Image.fromarray(np.ascontiguousarray(deep)).save(tmp_path / f"{way}.{suffix}", exif=exif,
                                                         **options)
        np.testing.assert_allclose(pixels(tmp_path / f"{way}.{suffix}"), grey, atol=2)


def test_a_damaged_head_does_not_cost_the_picture(tmp_path, grey):
    Image.fromarray(GREY).save(tmp_path / "e.png", exif=b"Exif\0\0no head of any kind")
    found = read_picture(tmp_path / "e.png", SIDE)
    np.testing.assert_array_equal(found.pixels, grey)
    assert list(found.notes) == ["not_turned_upright"]


def test_of_several_frames_the_first_is_read_and_it_is_said(tmp_path, grey):
    frames = [Image.fromarray(GREY), Image.new("L", (48, 32)), Image.new("L", (48, 32), 200)]
    for suffix in ("tif", "gif", "webp"):
        file = tmp_path / f"f.{suffix}"
        frames[0].save(file, save_all=True, append_images=frames[1:],
                       **({"lossless": True} if suffix == "webp" else {}))
        found = read_picture(file, SIDE)
        np.testing.assert_allclose(found.pixels.astype(int), grey, atol=2)
        assert found.notes == {"first_frame_read": "of 3"}


# -- size --------------------------------------------------------------------------------------
def test_a_sound_picture_above_the_usual_limit_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "REDUCED", 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)        # Pillow would refuse it
    large = np.kron(np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8), np.ones((40, 20), np.uint8))
    deep = large.astype(np.uint16) * 257
    for name, image in {
            "l.png": Image.fromarray(large), "deep.png": Image.fromarray(deep),
            "p.png": Image.fromarray(large).convert("P"), "rgba.png": Image.fromarray(
                large).convert("RGBA"), "l.tif": Image.fromarray(large),
            "x.jpg": Image.fromarray(large)}.items():
        image.save(tmp_path / name)
        found = pixels(tmp_path / name)
        want = np.arange(0, 256, 4).reshape(8, 8)
        assert np.abs(found - want).max() < 12, name
    assert Image.MAX_IMAGE_PIXELS == 500


def bomb(file, side):
    """A PNG of so many white pixels a side, whose data were never written."""
    def chunk(kind, content):
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(
        ">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(bytes(1000))))


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    bomb(tmp_path / "b.png", 60000)
    complaint(lambda: read_picture(tmp_path / "b.png", SIDE), "b.png", "3,600 megapixels",
              "more than the 268 that are read")


def test_what_is_no_picture_is_named(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    for number, content in enumerate((b"", b"text", whole[:300], b"%!PS-Adobe-3.0 EPSF-3.0\n" * 9,
                                      b"P5 99999999 99999999 255\n")):
        file = tmp_path / f"{number}.jpg"
        file.write_bytes(content)
        complaint(lambda file=file: read_picture(file, SIDE), file.name)
    complaint(lambda: read_picture(tmp_path / "gone.jpg", SIDE), "gone.jpg")
    assert read_pictures([tmp_path / "whole.jpg"], SIDE, "RGB").shape == (1, SIDE, SIDE, 3)
    assert Image.MAX_IMAGE_PIXELS == 89478485
    os.mkdir(tmp_path / "folder.png")
    complaint(lambda: read_picture(tmp_path / "folder.png", SIDE), "folder.png")
