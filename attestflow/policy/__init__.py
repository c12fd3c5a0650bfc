"""Policies over a verified lineage: what must hold, rule by rule."""
