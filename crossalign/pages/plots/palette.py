"""Colours and marks of all pictures.

Colours come from Okabe and Ito's set, which people with any common colour blindness tell apart; a
number, a mark or a place says the same as each colour. The page replaces `INK`, `MUTED`, `GRID` and
`PAPER` by its own colours for light and dark.
"""

INK, MUTED, GRID, PAPER = "#1f2430", "#667085", "#d9dee7", "#ffffff"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SERIES = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", RED)
"""Colours of modalities, directions and other short lists."""
CLASS_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9",
                 "#8c6d1f", "#5e3c99", "#e7298a", "#66a61e", "#1b7c8c", "#a6362f")
"""Colours of highlighted classes; twelve cannot all be told apart, so each has its number too."""
MARKERS = ("o", "^", "s", "D", "v", "P")
