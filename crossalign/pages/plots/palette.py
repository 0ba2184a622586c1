"""Colours and marks of all pictures.

Colours come from Okabe and Ito's set, which people with any common colour blindness tell apart; a
number, a mark or a place says the same as each colour. The page replaces `INK`, `MUTED`, `GRID` and
`PAPER` by its own colours for light and dark.
"""

INK, MUTED, GRID, PAPER = "#1f2430", "#667085", "#d9dee7", "#ffffff"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PINK, SKY = "#cc79a7", "#56b4e9"
ON_COLOUR, ON_LIGHT = "#fefefe", "#010101"
"""Text and edges upon colours and upon light tints, on a light page and on a dark one."""
ON_PAPER = ("#d8dde6", "#0071b1")
"""Colours of the grid and outline upon pictures, which are light on a dark page too."""
SERIES = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
"""Colours of modalities, directions and other short lists."""
CLASS_COLOURS = (BLUE, ORANGE, GREEN, RED, PINK, SKY,
                 "#8c6d1f", "#5e3c99", "#e7298a", "#66a61e", "#1b7c8c", "#a6362f")
"""Colours of highlighted classes; twelve cannot all be told apart, so each has its number too."""
MARKERS = ("o", "^", "s", "D", "v", "P")


def series(i: int) -> str:
    """Return the colour of the i-th of a short list; a longer one begins again."""
    return SERIES[i % len(SERIES)]


def class_colour(k: int) -> str:
    """Return the colour of the k-th highlighted class."""
    return CLASS_COLOURS[k % len(CLASS_COLOURS)]


def marker(i: int) -> str:
    """Return the mark of the i-th modality."""
    return MARKERS[i % len(MARKERS)]
