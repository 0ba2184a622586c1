from .answering import Hit as Hit
from .answering import Reply as Reply
from .answering import nothing_matches as nothing_matches
from .build import build_space as build_space
from .recognition import Answer as Answer
from .space import Space as Space

__all__: list[str]
