"""``python -m crossalign``."""

from crossalign.cli import main

main()
