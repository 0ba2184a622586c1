"""One file of samples of several domains."""
