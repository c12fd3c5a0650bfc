"""Inside `mlflow server`: the gated registry, its frozen files, and what it says to people."""
