from __future__ import annotations

import pytest

from attestflow.mlbom.families import Family, of_class


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sklearn.linear_model.LogisticRegression", Family("linear model", "classification", "supervised")),
        ("sklearn.linear_model.Ridge", Family("linear model", "regression", "supervised")),
        ("sklearn.ensemble.RandomForestClassifier", Family("ensemble", "classification", "supervised")),
        ("xgboost.sklearn.XGBRegressor", Family("gradient boosting", "regression", "supervised")),
        ("sklearn.cluster.KMeans", Family("clustering", "clustering", "unsupervised")),
        ("sklearn.preprocessing.StandardScaler", Family(None, None, None)),
        ("mine.FooClassifier", Family(None, None, None)),
        ("sklearnish.FooClassifier", Family(None, None, None)),
    ],
)
def test_only_what_is_certain(name: str, expected: Family) -> None:
    assert of_class(name) == expected


def test_tables_name_classes_that_exist() -> None:
    """Classifiers and regressors of the tables are what scikit-learn says they are."""
    import importlib

    from sklearn.base import is_classifier, is_regressor

    from attestflow.mlbom import families

    for names, is_kind in ((families._CLASSIFIERS, is_classifier), (families._REGRESSORS, is_regressor)):
        for name in names:
            module, _, kind = name.rpartition(".")
            assert is_kind(getattr(importlib.import_module(module), kind)()), name
