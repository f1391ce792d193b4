"""Tables, figures and the report, from the files that earlier stages wrote."""
