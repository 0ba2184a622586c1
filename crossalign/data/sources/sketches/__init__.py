"""Folders of sketches beside folders of photos."""
