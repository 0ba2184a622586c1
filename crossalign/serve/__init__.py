"""A server of one space: searches, recognition and growth over HTTP, and a page to try them.

- `start`: from an open space to a server that ends with Ctrl-C.
- `app`: the application, with the routes of `questions` and `changes`; `served` is the space
  behind them, `bodies` the forms of requests.
- `guard`: who may ask; `limits`: how much; `pool`: how many at a time; `patience`: how slowly.
- `uploads`: pictures and JSON from bytes.
- `plane`: the map of a space.
- `page`: the files of the page.

It needs the extra ``serve``. A server listens at this machine alone unless it has a token.
"""
