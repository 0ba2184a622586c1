"""Aligned arrays: files and folders of them."""
