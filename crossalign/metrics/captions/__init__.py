"""Metrics of captions against the references of each item; one question per file, see `metrics`.

All of them read the words of `words.spoken_words`: lower case, no punctuation.
"""
