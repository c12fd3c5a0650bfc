"""`python -m attestflow.cli` is the command `attestflow`."""

from attestflow.cli import main

main()
