"""Arrays of the figures of a report, one kind of figure per file; `pages.plots` draws them.

- `items`: how a sample looks on a page.
- `maps`: rows before and after a model.
- `recognition`, `rankings`, `tokens`: of scores of classes, of rankings, of salient tokens.
"""
