"""Statistics, claims, tables, figures and the report, from what evaluation wrote."""
