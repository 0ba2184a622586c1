"""What this machine has, for a person who wonders why something does not run."""

from __future__ import annotations

import os
import platform
from importlib import metadata, util

EXTRAS = {"faiss": "faiss", "milvus": "pymilvus", "text": "transformers",
          "vision": "ai_edge_litert", "doc2vec": "gensim", "ot": "ot", "tune": "optuna",
          "serve": "fastapi"}


def examine() -> str:
    """Versions, devices, installed extras and the cache folder, one per line."""
    import torch

    from crossalign.data.cache import cache_folder

    packages = ("crossalign", "torch", "numpy", "scipy", "scikit-learn", "lightning-fabric",
                "safetensors")
    lines = [f"python       {platform.python_version()} on {platform.platform()}"]
    lines += [f"{name:12} {metadata.version(name)}" for name in packages]
    lines.append(f"cpu          {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        lines += [f"gpu          {torch.cuda.get_device_name(i)}"
                  for i in range(torch.cuda.device_count())]
    else:
        lines.append("gpu          none that torch can use")
    lines += [f"extra        {name}: {'installed' if util.find_spec(module) else 'not installed'}"
              for name, module in EXTRAS.items()]
    folder = cache_folder()
    writable = os.access(folder if folder.exists() else folder.parent, os.W_OK)
    lines.append(f"cache        {folder} ({'writable' if writable else 'not writable or absent'})")
    return "\n".join(lines)
