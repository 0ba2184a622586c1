"""Omniglot: pictures and pen strokes of the same drawings."""
