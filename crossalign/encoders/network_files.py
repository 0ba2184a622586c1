"""The files of a network of ``transformers``: opened as data, whatever they ask for.

Weights come from safetensors only. A folder that names code of its own, or an adapter of another
network, is refused before anything of it is opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def pretrained_file(name: str, file: str) -> Path | None:
    """Where a file of a folder, or of a model on the hub, lies; None if it has no such file."""
    _transformers()
    from transformers.utils import cached_file

    with quietly():
        try:
            found = cached_file(name, file, _raise_exceptions_for_missing_entries=False,
                                _raise_exceptions_for_connection_errors=False)
        except Exception as error:  # of a name that is neither a folder nor of the hub
            raise unopened(name, error) from None
    return None if found is None else Path(found)


def said(name: str, file: str) -> Any:
    """What a JSON file of a model says; an empty mapping if it has no such file.

    Raises
    ------
    ValueError
        One sentence: the file is damaged, or asks for code that comes with the model.
    """
    path = pretrained_file(name, file)
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise unopened(name, error, file) from None
    if _asks_for_code(found):
        raise ValueError(f"encoder: {name!r} asks in {file} for code of its own, which is never "
                         "run here; give a model whose kind transformers itself has.")
    return found


def opened_network(name: str, subfolder: str = "") -> nn.Module:
    """The network of a folder, or of a name on the Hugging Face hub, with all of its weights.

    Raises
    ------
    ValueError
        One sentence: there is no such model, it is damaged, lacks weights or asks for code.
    ImportError
        If ``transformers`` is not installed.
    """
    AutoConfig, AutoModel = _transformers()
    inside = f"{subfolder}/" if subfolder else ""
    kind = said(name, f"{inside}config.json")
    if pretrained_file(name, f"{inside}adapter_config.json") is not None:
        raise ValueError(f"encoder: {name!r} is an adapter of another network; merge the two and "
                         "give the folder of the whole.")
    if kind and not any(pretrained_file(name, f"{inside}{file}") for file in WEIGHTS):
        raise ValueError(f"encoder: {name!r} cannot be opened (it has no {WEIGHTS[0]}, and weights "
                         "in other files are not read); save it again with safetensors.")
    try:
        with quietly():
            config = AutoConfig.from_pretrained(name, subfolder=subfolder, trust_remote_code=False)
            reader = _projecting(kind) or AutoModel
            network, found = reader.from_pretrained(
                name, subfolder=subfolder, config=config, use_safetensors=True,
                trust_remote_code=False, dtype=torch.float32, output_loading_info=True)
    except Exception as error:  # transformers raises many kinds, of its own and of its libraries
        raise unopened(name, error) from None
    pooled = reader is not AutoModel or hasattr(network, "get_text_features")
    lacking = sorted(key for key in found["missing_keys"]
                     if (pooled or "pooler" not in key) and not key.endswith("position_ids"))
    if lacking:
        raise ValueError(f"encoder: {name!r} lacks {len(lacking)} of the weights that its "
                         f"config.json asks for, as {lacking[0]!r}; save the whole model again.")
    opened: nn.Module = network.eval()
    return opened


def opened_tokenizer(name: str, subfolder: str = "") -> Any:
    """The tokenizer of a folder or a name on the hub.

    Raises
    ------
    ValueError
        One sentence: there is none, it is damaged or asks for code.
    """
    from transformers import AutoTokenizer

    said(name, f"{subfolder}/tokenizer_config.json" if subfolder else "tokenizer_config.json")
    try:
        with quietly():
            return AutoTokenizer.from_pretrained(name, subfolder=subfolder,
                                                 trust_remote_code=False)
    except Exception as error:  # as many kinds as of networks
        raise ValueError(f"encoder: {name!r} has no tokenizer that can be opened "
                         f"({first_line(error)}); give a folder with tokenizer.json.") from None


def network_of(config: Mapping[str, Any]) -> nn.Module:
    """A network with random weights from the settings of its ``config.json``."""
    AutoConfig, AutoModel = _transformers()
    network: nn.Module = AutoModel.from_config(AutoConfig.for_model(**config))
    return network.eval()


def unopened(name: str, error: Exception, file: str = "") -> ValueError:
    """What to say of a model that cannot be opened."""
    where = f"{file}: " if file else ""
    return ValueError(f"encoder: {name!r} cannot be opened ({where}{first_line(error)}); give the "
                      "folder of a model with config.json and model.safetensors, or its name on "
                      "the Hugging Face hub.")


@contextmanager
def quietly() -> Iterator[None]:
    """Without the bars and the list of unused weights that loading prints."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _projecting(config: Mapping[str, Any]) -> Any:
    """The class of half of a network that was saved with its projection, as CLIP's; else None."""
    import transformers

    names = config.get("architectures") or [""]
    return getattr(transformers, names[0]) if str(names[0]).endswith("ModelWithProjection") \
        and hasattr(transformers, names[0]) else None


def _asks_for_code(found: Any) -> bool:
    """Whether a setting names a file of code, or an attention kernel to be downloaded."""
    if isinstance(found, Mapping):
        return any(key == "auto_map" or (key.endswith("attn_implementation") and "/" in str(value))
                   or _asks_for_code(value) for key, value in found.items())
    return isinstance(found, list) and any(map(_asks_for_code, found))


def first_line(error: Exception) -> str:
    """What an error says first, or what it is where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _transformers() -> tuple[Any, Any]:
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError:
        raise ImportError("Pretrained networks need transformers: "
                          "pip install 'crossalign[text]'.") from None
    return AutoConfig, AutoModel
