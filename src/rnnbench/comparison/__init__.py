"""Statistics, claims, tables, figures and the report, made from the results of evaluation."""
