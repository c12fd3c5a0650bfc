"""Compliance: which rules and ML-BOM elements serve which row of a framework, and what of it a verdict shows."""
