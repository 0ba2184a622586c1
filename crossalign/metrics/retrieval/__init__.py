"""Retrieval metrics: rankings of a gallery by scores, swept by blocks of queries.

The public names are those of `crossalign.metrics`.
"""
