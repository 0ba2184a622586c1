"""The files of a network of ``transformers``, opened as data alone.

Weights come from safetensors only. A folder that names code of its own, or an adapter of another
network, is refused before anything in it is opened.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
KNOCK = 5.0
"""Seconds in which the hub has to answer before anything is asked of it."""
REMEMBERED = 60.0
"""Seconds for which its answer, or silence, is remembered."""


def from_here(name: str) -> bool:
    """Return True if the files of a model come from this machine alone: it is a folder, or the hub
    does not answer and the model is in its cache.

    Raises
    ------
    ValueError
        If there is no such folder and it is no name of the hub; or the hub does not answer and
        there is no copy.
    """
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    if os.path.isdir(name):                             # a name too long for a path is none
        return True
    try:
        validate_repo_id(name)
    except ValueError:
        raise open_error(name, ValueError("there is no such folder")) from None
    if _hub_answers(int(time.monotonic() // REMEMBERED)):
        return False
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    if not Path(HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="model")).is_dir():
        raise ValueError(f"encoder: {name!r} is no file or folder here and not in the cache of the "
                         "Hugging Face hub, which cannot be reached; give the folder of a model, "
                         "or try again with a connection.")
    return True


@cache
def _hub_answers(_: int) -> bool:
    """Tell if the hub gives any answer; a span of time is asked about once."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=KNOCK)
    except Exception:  # of whichever client the hub's library uses, or because it is offline
        return False
    return True


def pretrained_file(name: str, file: str) -> Path | None:
    """Find a file of a folder or of a model on the hub; return None if there is no such file."""
    _transformers()
    from transformers.utils import cached_file

    here = from_here(name)
    with quietly():
        try:
            path = cached_file(name, file, local_files_only=here,
                               _raise_exceptions_for_missing_entries=False,
                               _raise_exceptions_for_connection_errors=False)
        except Exception as error:  # of a name that is neither a folder nor of the hub
            raise open_error(name, error) from None
    return None if path is None else Path(path)


def read_settings(name: str, file: str) -> Any:
    """Read a JSON file of a model; return an empty mapping if there is no such file.

    Raises
    ------
    ValueError
        One sentence: the file is damaged, or asks for code that comes with the model.
    """
    path = pretrained_file(name, file)
    if path is None:
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise open_error(name, error, file) from None
    if _asks_for_code(settings):
        raise ValueError(f"encoder: {name!r} asks in {file} for code of its own, which is never "
                         "run here; give a model whose kind transformers itself has.")
    return settings


def open_network(name: str, subfolder: str = "", classifies: bool = False,
                 speaks: bool = False) -> nn.Module:
    """Open the network of a folder, or of a name on the Hugging Face hub, with all of its weights.

    If it ``classifies``, the part of an image classifier that gives its labels belongs to it, and
    if it ``speaks``, the part of a causal language model that gives the next word; default neither.

    Raises
    ------
    ValueError
        One sentence: there is no such model, it is damaged, lacks weights, asks for code, or is no
        causal language model where one is to speak.
    ImportError
        If ``transformers`` is not installed.
    """
    AutoConfig, AutoModel = _transformers()
    inside = f"{subfolder}/" if subfolder else ""
    kind = read_settings(name, f"{inside}config.json")
    if pretrained_file(name, f"{inside}adapter_config.json") is not None:
        raise ValueError(f"encoder: {name!r} is an adapter of another network; merge the two and "
                         "give the folder of the whole.")
    if kind and not any(pretrained_file(name, f"{inside}{file}") for file in WEIGHTS):
        raise ValueError(f"encoder: {name!r} cannot be opened (it has no {WEIGHTS[0]}, and weights "
                         "in other files are not read); save it again with safetensors.")
    here = from_here(name)
    try:
        with quietly():
            config = AutoConfig.from_pretrained(name, subfolder=subfolder, trust_remote_code=False,
                                                local_files_only=here)
            reader = _head_class(config, name, speaks) if classifies or speaks else (
                _projection_class(kind) or AutoModel)
            network, loading = reader.from_pretrained(
                name, subfolder=subfolder, config=config, use_safetensors=True,
                trust_remote_code=False, local_files_only=here, dtype=torch.float32,
                output_loading_info=True)
    except _KindError as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # transformers raises many kinds, of its own and of its libraries
        raise open_error(name, error) from None
    pooled = reader is not AutoModel or hasattr(network, "get_text_features")
    lacking = sorted(key for key in loading["missing_keys"]
                     if (pooled or "pooler" not in key) and not key.endswith("position_ids"))
    if lacking:
        raise ValueError(f"encoder: {name!r} lacks {len(lacking)} of the weights that its "
                         f"config.json asks for, as {lacking[0]!r}; save the whole model again.")
    opened: nn.Module = network.eval()
    return opened


def open_tokenizer(name: str, subfolder: str = "") -> Any:
    """Open the tokenizer of a folder or of a name on the hub.

    Raises
    ------
    ValueError
        One sentence: there is none, it is damaged or asks for code.
    """
    from transformers import AutoTokenizer

    inside = f"{subfolder}/" if subfolder else ""
    here = from_here(name)
    read_settings(name, f"{inside}tokenizer_config.json")
    try:
        with quietly():
            tokenizer = AutoTokenizer.from_pretrained(
                name, subfolder=subfolder, local_files_only=here, trust_remote_code=False)
        if len(tokenizer.get_vocab()) <= len(tokenizer.all_special_ids):  # made without any file
            raise ValueError("it has no words")
        return tokenizer
    except Exception as error:  # as many kinds as of networks
        raise ValueError(f"encoder: {name!r} has no tokenizer that can be opened "
                         f"({first_line(error)}); give a folder with tokenizer.json.") from None


def local_folder(name: str) -> str:
    """Return the folder of a model, or of the copy of a hub's model in the cache, which a saved
    file may name: it is not fetched.

    Raises
    ------
    ValueError
        If it is not on this machine.
    """
    from huggingface_hub import snapshot_download

    if Path(name).is_dir():
        return name
    try:
        return str(snapshot_download(name, local_files_only=True))
    except Exception:  # no name of the hub, or no copy of it
        raise ValueError(f"encoder: {name!r} is not on this machine and is not fetched unasked; "
                         "bring back the folder, or download the model first.") from None


def build_network(config: Mapping[str, Any]) -> nn.Module:
    """Build a network with random weights from the settings of its ``config.json``."""
    AutoConfig, AutoModel = _transformers()
    network: nn.Module = AutoModel.from_config(AutoConfig.for_model(**config))
    return network.eval()


def open_error(name: str, error: Exception, file: str = "") -> ValueError:
    """Return the error for a model that cannot be opened."""
    where = f"{file}: " if file else ""
    return ValueError(f"encoder: {name!r} cannot be opened ({where}{first_line(error)}); give the "
                      "folder of a model with config.json and model.safetensors, or its name on "
                      "the Hugging Face hub.")


@contextmanager
def quietly() -> Iterator[None]:
    """Suppress the progress bars and the list of unused weights that loading prints."""
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


class _KindError(ValueError):
    """A model is of another kind than was asked for."""


def _head_class(config: Any, name: str, speaks: bool) -> Any:
    """Return the class that opens image classifiers of every kind, or causal language models.

    Kinds that fill in masked words are causal only where their settings say that they decode.
    """
    from transformers import AutoModelForCausalLM, AutoModelForImageClassification
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    if not speaks:
        return AutoModelForImageClassification
    kind = config.model_type
    fills = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    if config.is_encoder_decoder or fills or kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise _KindError(f"encoder: {name!r} ({kind}) is no causal language model; give one, as "
                         "GPT-2 or Llama.")
    return AutoModelForCausalLM


def _projection_class(config: Mapping[str, Any]) -> Any:
    """Return the class of a half of CLIP or the like that was saved with its projection, else
    None.
    """
    import transformers

    names = config.get("architectures") or [""]
    return getattr(transformers, names[0]) if str(names[0]).endswith("ModelWithProjection") \
        and hasattr(transformers, names[0]) else None


def _asks_for_code(settings: Any) -> bool:
    """Return True if a setting names a file of code, or an attention kernel to be downloaded."""
    if isinstance(settings, Mapping):
        return any(key == "auto_map" or (key.endswith("attn_implementation") and "/" in str(value))
                   or _asks_for_code(value) for key, value in settings.items())
    return isinstance(settings, list) and any(map(_asks_for_code, settings))


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type if it has no message."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _transformers() -> tuple[Any, Any]:
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError:
        raise ImportError("Pretrained networks need transformers: "
                          "pip install 'crossalign[text]'.") from None
    return AutoConfig, AutoModel
