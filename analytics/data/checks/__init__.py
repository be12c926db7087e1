"""Checks of a data set: registered quality checks, their findings and the report.

Selection methods that look for the unusual pick broken structures first, so the checks come
before them. They report and change nothing. `analytics.data.checks.registry` says how to add one.
"""
