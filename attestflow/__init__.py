"""attestflow: signed evidence for every stage of an ML pipeline, and a promotion gate that nobody can talk around."""

__version__ = "0.1.0"
