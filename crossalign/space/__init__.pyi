from .answering import Reply as Reply
from .build import build_space as build_space
from .recognition import Answer as Answer
from .searching import Hit as Hit
from .searching import nothing_matches as nothing_matches
from .space import Space as Space

__all__: list[str]
