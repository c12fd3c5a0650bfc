"""Real Airflow, and Airflow needs a home before its first import."""

from __future__ import annotations

from attestflow.testing.airflow import use_temporary_airflow_home

use_temporary_airflow_home()
