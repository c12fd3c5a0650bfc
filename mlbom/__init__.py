"""ML-BOMs: what a model is made of, where each value was learned, and whether that is so.

::

    inspect          pure checks of a parsed BOM, for policy rules
    description      the neutral description: values with their source and basis
    files            SHA-256 and SHA-512 of a directory's files, each read once
    mlmodel, skops   what an MLflow model directory says, and what its weights show
    licences         package metadata to SPDX expressions, where that is certain
    installed        Python dependencies as they are installed
    mlflow_model     the above over one MLflow model directory: a description
    cyclonedx        a description as CycloneDX 1.6 JSON
    lint             what the schema does not check

Importing this package costs nothing; `cyclonedx` and the schema validator are imported by the functions that need them.
"""
