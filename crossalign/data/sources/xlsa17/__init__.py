"""Folders in the layout of the proposed split."""
