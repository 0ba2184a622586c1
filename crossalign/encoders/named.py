"""Encoders by name: a file, a folder, a package or a hub's name, as a person writes it."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossalign.sentences import short

if TYPE_CHECKING:
    from crossalign.types import Encoder, TextEncoder

RAW = "raw:"
"""Prefix of a network's name: its inputs are read instead, for a model that trains it along."""
PACKAGE = "package:"
"""Prefix of a network that an installed package brings, in its folder ``model``."""
INK: dict[str, dict[str, bool]] = {
    "ink": {}, "ink+hog": {"whole": True}, "ink+pieces": {"pieces": True},
    "ink+hog+pieces": {"whole": True, "pieces": True}}
"""Encoders without a network, and what their rows hold beside the ink."""
OWN = "own"
"""Word for the labels that a classifier's own files give."""
ONNX = re.compile(r"(?P<file>.+\.onnx)(:(?P<output>.+))?")
"""Name of an ONNX file, and of the output that is read."""


def open_encoders(encoder: str | None, text_encoder: str | None, *, tokens: bool = False,
                  prompts: str | None = None, output_names: str | None = None
                  ) -> tuple[Encoder | None, TextEncoder | None]:
    """Open the encoders of pictures and of texts that are named; None for no name.

    Parameters
    ----------
    encoder : str or None
        One of `INK`, as ``"ink"``, a TensorFlow Lite file, an ONNX file, with the name of an output
        behind a colon, a folder or name of a network of ``transformers``, or ``package:NAME``, the
        folder ``model`` of an installed package.
    text_encoder : str or None
        File of word vectors, or such a network; the same name again for one network of both.
    tokens : bool
        Form of the rows: True for tokens, default False for vectors.
    prompts : str, optional
        Text file of prompts, for one network of both.
    output_names : str, optional
        Text file with the names of a classifier's outputs, or ``"own"``: pictures are then where
        the text encoder puts their likeliest labels.

    Raises
    ------
    ValueError
        One sentence: names that do not go together, or that cannot be opened.
    """
    encoder, text_encoder = _unpacked("encoder", encoder), _unpacked("text_encoder", text_encoder)
    for option, name in (("encoder", encoder), ("text_encoder", text_encoder)):
        bare = str(name).removeprefix(RAW)
        if bare in INK and (bare != name or option == "text_encoder"):
            raise ValueError(f"{option}: {short(bare)} is no network and reads pictures alone; "
                             f"name it by --encoder, as it is.")
    if output_names is not None:
        if encoder is None or encoder.startswith(RAW) or tokens or prompts is not None:
            raise ValueError("output_names: they are names of what an image classifier tells "
                             "apart; name it by --encoder, without raw:, --tokens and --prompts.")
        texts = _texts(text_encoder, tokens)
        return _by_labels(encoder, output_names, texts), texts
    both = encoder is not None and encoder == text_encoder
    if both and not tokens and not str(encoder).startswith(RAW):
        from crossalign.encoders.dual import DualEncoder
        from crossalign.encoders.prompts import BARE, read_prompts

        dual = DualEncoder(str(encoder), BARE if prompts is None else read_prompts(prompts))
        return dual.pictures, dual.texts
    if prompts is not None:
        raise ValueError("prompts: they are for one network of pictures and texts; name it by "
                         "--encoder and --text-encoder alike, without --tokens.")
    return _pictures(encoder, tokens), _texts(text_encoder, tokens)


def _unpacked(option: str, network: str | None) -> str | None:
    """Return the folder ``model`` for ``package:NAME``; any other network unchanged."""
    if network is None or not network.startswith(PACKAGE):
        return network
    name = network.removeprefix(PACKAGE)
    try:
        found = find_spec(name) if name.isidentifier() else None
    except ValueError:                                  # of a module that runs as a script
        found = None
    places = [] if found is None else list(found.submodule_search_locations or ())
    if not places:
        raise ValueError(f"{option}: there is no installed package {short(name)}; install it, or "
                         "give a file, a folder or the name of a network.")
    folder = Path(places[0]) / "model"
    if not folder.is_dir():
        raise ValueError(f"{option}: the package {short(name)} has no folder 'model'; give the "
                         "folder of a network.")
    return str(folder)


def is_here(network: str) -> bool:
    """Tell whether an encoder can be opened without a hub."""
    with suppress(ValueError):
        network = str(_unpacked("encoder", network)).removeprefix(RAW)
    onnx = ONNX.fullmatch(network)
    return network in INK or os.path.exists(network if onnx is None else onnx["file"])


def _pictures(network: str | None, tokens: bool) -> Any:
    """Open an encoder of pictures."""
    if network is None:
        return None
    from crossalign.encoders import Ink, ONNXEncoder, PretrainedPictures, TFLiteEncoder

    if network in INK:
        if tokens:
            raise ValueError(f"encoder: {network!r} gives vectors; leave --tokens out.")
        return Ink(**INK[network])
    if network.endswith(".tflite"):
        return TFLiteEncoder(network, tokens=tokens)
    if (onnx := ONNX.fullmatch(network)) is not None:
        return ONNXEncoder(onnx["file"], onnx["output"], tokens)
    return PretrainedPictures(network.removeprefix(RAW), _output(network, tokens))


def _texts(network: str | None, tokens: bool) -> Any:
    """Open an encoder of texts."""
    if network is None:
        return None
    from crossalign.encoders import PretrainedTexts, WordVectors

    if os.path.isfile(os.path.expanduser(network)):
        return WordVectors(network, tokens)
    return PretrainedTexts(network.removeprefix(RAW), _output(network, tokens))


def _output(network: str, tokens: bool) -> str:
    return "raw" if network.startswith(RAW) else "tokens" if tokens else "vectors"


def _by_labels(network: str, output_names: str, texts: Any) -> Any:
    """Open an encoder of pictures by the labels of a classifier."""
    from crossalign.encoders import CharNgrams, ConSE
    from crossalign.encoders.classifiers import open_classifier
    from crossalign.encoders.label_names import read_labels

    given = None if output_names == OWN else read_labels(output_names)
    onnx = ONNX.fullmatch(network)
    classifier = open_classifier(*((network, None) if onnx is None else
                                   (onnx["file"], onnx["output"])), named=given is not None)
    labels = classifier.labels if given is None else given
    if labels is None:
        raise ValueError(f"output_names: the files of {network!r} give its outputs no "
                         "names; give a text file with a name for each, one a line.")
    return ConSE(classifier.outputs, labels, CharNgrams() if texts is None else texts)
