"""``python -m pcscf``."""

from pcscf.cli import main

main()
