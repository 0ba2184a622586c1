"""Report on this machine, for a person who wonders why something does not run."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata, util

EXTRAS = {"emoji": "resvg_py", "faiss": "faiss", "language": "peft", "onnx": "onnxruntime",
          "parquet": "pyarrow", "qdrant": "qdrant_edge", "ray": "ray", "serve": "fastapi",
          "text": "transformers", "video": "av", "vision": "ai_edge_litert"}
"""Optional extras, and the module that shows that each is installed."""


def examine() -> str:
    """Return versions, devices, installed extras and the cache folder, one per line."""
    import torch

    from crossalign.encoders.cache import cache_folder

    packages = ["crossalign", *required()]
    lines = [f"python           {platform.python_version()} on {platform.platform()}"]
    lines += [f"{name:16} {metadata.version(name)}" for name in packages]
    lines.append(f"cpu              {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        lines += [f"gpu              {torch.cuda.get_device_name(i)}"
                  for i in range(torch.cuda.device_count())]
    else:
        lines.append("gpu              none that torch can use")
    for name, module in EXTRAS.items():
        there = "installed" if util.find_spec(module) else "not installed"
        lines.append(f"extra            {name}: {there}")
    folder = cache_folder()
    writable = os.access(folder if folder.exists() else folder.parent, os.W_OK)
    lines.append(f"cache            {folder} "
                 f"({'writable' if writable else 'not writable or absent'})")
    return "\n".join(lines)


def required() -> list[str]:
    """Return the packages that the library always needs, from its own metadata."""
    requirements = [text for text in metadata.requires("crossalign") or ()
                    if "extra ==" not in text]
    return [re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in requirements]
