"""Pages: reports as pages that need nothing else.

- `render`: one or several reports as a page that needs nothing else; `write_page` writes it.
- `plots`: the pictures, arrays in and a matplotlib figure out; `svg` puts them on the page.
- `conclusion`, `words`, `tables`, `pictures`: the parts of the page.
"""

from crossalign.pages.page import render, write_page

__all__ = ["render", "write_page"]
