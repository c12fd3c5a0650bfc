"""Impact: what descends from a data set, a package, a base model or a key. An index finds it, the store's evidence shows it."""
