"""What a class name says about a model: family, task and learning approach, for the names where that is certain."""

from __future__ import annotations

from dataclasses import dataclass

# By module prefix, longest first.
_FAMILIES: tuple[tuple[str, str], ...] = (
    ("sklearn.linear_model.", "linear model"),
    ("sklearn.discriminant_analysis.", "discriminant analysis"),
    ("sklearn.svm.", "support vector machine"),
    ("sklearn.tree.", "decision tree"),
    ("sklearn.naive_bayes.", "naive Bayes"),
    ("sklearn.neighbors.", "nearest neighbours"),
    ("sklearn.gaussian_process.", "Gaussian process"),
    ("sklearn.mixture.", "mixture model"),
    ("sklearn.cluster.", "clustering"),
    ("sklearn.ensemble.", "ensemble"),
    ("xgboost.", "gradient boosting"),
    ("lightgbm.", "gradient boosting"),
    ("catboost.", "gradient boosting"),
)
# Classes whose name does not end in Classifier or Regressor.
_CLASSIFIERS = frozenset(
    f"sklearn.{name}"
    for name in (
        "linear_model.LogisticRegression",
        "linear_model.LogisticRegressionCV",
        "linear_model.Perceptron",
        "svm.SVC",
        "svm.NuSVC",
        "svm.LinearSVC",
        "naive_bayes.GaussianNB",
        "naive_bayes.MultinomialNB",
        "naive_bayes.BernoulliNB",
        "naive_bayes.ComplementNB",
        "naive_bayes.CategoricalNB",
        "discriminant_analysis.LinearDiscriminantAnalysis",
        "discriminant_analysis.QuadraticDiscriminantAnalysis",
    )
)
_REGRESSORS = frozenset(
    f"sklearn.{name}"
    for name in (
        "linear_model.LinearRegression",
        "linear_model.Ridge",
        "linear_model.RidgeCV",
        "linear_model.Lasso",
        "linear_model.LassoCV",
        "linear_model.ElasticNet",
        "linear_model.ElasticNetCV",
        "svm.SVR",
        "svm.NuSVR",
        "svm.LinearSVR",
    )
)
_LIBRARIES = ("sklearn.", "xgboost.", "lightgbm.", "catboost.")


@dataclass(frozen=True, slots=True)
class Family:
    """What follows from a class; None for what does not."""

    family: str | None
    task: str | None
    approach: str | None


def of_class(name: str) -> Family:
    """Family, task and approach of an estimator's dotted class name (public modules only).

    Only for libraries whose naming rules are known: a class of someone else's that is called FooClassifier says nothing.
    """
    family = next((family for prefix, family in _FAMILIES if name.startswith(prefix)), None)
    task = None
    if name in _CLASSIFIERS or (name.startswith(_LIBRARIES) and name.endswith("Classifier")):
        task = "classification"
    elif name in _REGRESSORS or (name.startswith(_LIBRARIES) and name.endswith("Regressor")):
        task = "regression"
    elif family == "clustering":
        task = "clustering"
    approach = {"classification": "supervised", "regression": "supervised", "clustering": "unsupervised"}.get(
        task or ""
    )
    return Family(family, task, approach)
