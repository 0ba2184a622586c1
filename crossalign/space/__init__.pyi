from .answering import Hit as Hit
from .build import build_space as build_space
from .recognition import Answer as Answer
from .space import Space as Space

__all__: list[str]
