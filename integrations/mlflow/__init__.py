"""MLflow: a registry that refuses what the policy denies, registration with a signed ML-BOM, and model URIs as targets."""
