"""Arrays of the figures of a report, one kind of figure per file; `pages.plots` draws them.

- `items`: the look of a sample on a page.
- `maps`: rows before and after a model.
- `recognition`, `rankings`, `tokens`: scores of classes, rankings, salient tokens.
- `words`: captions and answers beside their pictures.
"""
