"""Maps of what an answer of a space rests on: its log-odds with one place covered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from crossalign.pace import Log, Pace
from crossalign.sentences import short
from crossalign.space.frames_without import frame_falls
from crossalign.space.items import clip_pixels, listed, pixels_of
from crossalign.tasks.occlusion import STEPS, occlusion, reduced, squares

if TYPE_CHECKING:
    from crossalign.space.answering import AnsweringSpace

Array = npt.NDArray[Any]
Kind = Literal["answer", "caption", "class"]
KINDS: tuple[str, ...] = get_args(Kind)


class Occluded(NamedTuple):
    """Saying of a space about a picture, and how its odds fall where that is covered.

    Attributes
    ----------
    said : str
        Answer, caption or name of the likeliest class.
    question : str
        Question; empty if there was none.
    log_odds : float
        Log-odds of the answer, of the whole caption or of the class, with the whole picture, see
        `tasks.log_odds`.
    pictures : arrays (h, w, 3) uint8
        Picture, or first and second one, as they were covered.
    falls : arrays (h, w) float32
        Fall of the log-odds at every pixel of each, see `tasks.occlusion`; of a frame of a clip it
        is the fall without that frame, at every pixel the same.
    clip : bool
        Whether pictures are the frames of a clip.
    """

    said: str
    question: str
    log_odds: float
    pictures: list[Array]
    falls: list[Array]
    clip: bool = False

    @property
    def probability(self) -> float:
        """Probability of what is said, with the whole picture."""
        return float(expit(self.log_odds))

    @property
    def png(self) -> bytes:
        """Drawing of the maps over the pictures, or of a bar below each frame, as a PNG file."""
        from io import BytesIO

        from crossalign.pages import plots

        stream = BytesIO()
        draw = plots.frames if self.clip else plots.occluded
        draw(self.said, self.question, self.pictures, self.falls).savefig(
            stream, format="png", dpi=150)
        return stream.getvalue()

    def save(self, file: Path) -> None:
        """Write the drawing into a PNG file."""
        from crossalign.files import write_bytes

        write_bytes(file, self.png)


def occluded(space: AnsweringSpace, items: Any, of: Kind, question: str | None,
             log: Log | None, tick: Callable[[], None] | None) -> Occluded:
    """Cover parts of pictures, see `Space.occlusion`."""
    if of not in KINDS:
        raise ValueError(f"of: got {short(of)}; give one of {', '.join(KINDS)}.")
    if (question is not None) != (of == "answer"):
        raise ValueError(f"question: got {short(question)} for a map of the {of}; give one for "
                         "that of an answer alone.")
    given = listed(items)
    if space.clips:
        return _without_frames(space, given, of, question, tick)
    space.check_looks(given)
    if len(given) > 1 + (of == "answer"):
        raise ValueError(f"items: got {len(given)} pictures; give one, or two of a question about "
                         "two.")
    said, score = _scorer(space, given, of, question)
    pictures = [reduced(pixels_of(item, None, "RGB")) for item in given]
    rows = [space.readers.of_pictures([picture]) for picture in pictures]
    each = [sum(1 for _ in squares(len(picture), picture.shape[1], STEPS)) for picture in pictures]
    falls, first = [], None
    with Pace(log, "covered", sum(each), "places") as pace:
        for i, picture in enumerate(pictures):
            def scored(covered: Sequence[Array], i: int = i) -> Array:
                read = [np.repeat(row, len(covered), axis=0) for row in rows]
                read[i] = space.readers.of_pictures(covered)
                return score(read)

            def told(done: int, before: int = sum(each[:i])) -> None:
                pace(before + done)
                if tick is not None:
                    tick()

            found = occlusion(picture, scored, tick=told)
            falls.append(found.fall)
            first = found.score if first is None else first
    assert first is not None
    return Occluded(said, question or "", first, pictures, falls)


def _without_frames(space: AnsweringSpace, given: Sequence[Any], of: Kind, question: str | None,
                    tick: Callable[[], None] | None) -> Occluded:
    """Leave one frame of a clip out after another."""
    if len(given) != 1:
        raise ValueError(f"items: got {len(given)} clips; give one.")
    said, score = _scorer(space, given, of, question)
    (rows,) = space.readers.of_pictures(given)
    if tick is not None:
        tick()
    whole, falls = frame_falls(rows, lambda of_all: score([space.pooled_frames(of_all)]))
    shown = [reduced(frame) for frame in clip_pixels(given[0], rows.shape[0], None, "RGB")]
    return Occluded(said, question or "", whole, shown, [
        np.full(frame.shape[:2], fall, np.float32) for frame, fall in
        zip(shown, falls, strict=True)], clip=True)


def _scorer(space: AnsweringSpace, items: Sequence[Any], of: Kind, question: str | None,
            ) -> tuple[str, Callable[[list[Array]], Array]]:
    """Return what is said of pictures, and a function from features ``(n, d)`` of the first, and of
    the second, to the log-odds ``(n,)`` that it is said.
    """
    if of == "caption":
        said = space.caption(items)[0]
        if not said:
            raise ValueError("caption: the space finds no words for this picture; ask about "
                             "another.")
        saying = space.captioner
        return said, lambda rows: np.asarray(saying.log_odds(rows[0], said))
    if of == "class":
        name = space.recognise(items, 1)[0].names[0]
        return name, lambda rows: space.recognition.log_odds(rows[0], name)
    assert question is not None
    said = space.ask(items, question, 1).answers[0]
    answerer = space.fitted.answerer

    def answered(rows: list[Array]) -> Array:
        n = len(rows[0])
        second = np.arange(n) + n if len(rows) == 2 else np.full(n, -1)
        about = np.stack([np.arange(n), second], axis=1)
        return np.asarray(answerer.log_odds(np.concatenate(rows), [question] * n, said, about))

    return said, answered
