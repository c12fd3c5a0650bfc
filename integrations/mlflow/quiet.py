"""MLflow kept quiet while we speak."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
_lock = threading.Lock()
_inside = 0
_before: tuple[str | None, int] = (None, logging.NOTSET)


@contextmanager
def quiet_progress() -> Iterator[None]:
    """Inside, MLflow draws no progress bars and logs errors alone: they would stand in the middle of what we print.

    Both are of the whole process, so threads that overlap count as one: the last to leave puts back what the first found.
    """
    global _inside, _before
    logger = logging.getLogger("mlflow")
    with _lock:
        if _inside == 0:
            _before = os.environ.get(_BAR), logger.level
            os.environ[_BAR] = "false"
            logger.setLevel(max(logger.level, logging.ERROR))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                bar, level = _before
                os.environ.pop(_BAR, None) if bar is None else os.environ.update({_BAR: bar})
                logger.setLevel(level)
