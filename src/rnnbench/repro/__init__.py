"""`dvc repro` with several stages at a time on one machine.

Several DVC processes may work in one repository: while the command of a stage runs, the repository
is not locked. DVC decides which stages run and records them; this package decides when.
"""
