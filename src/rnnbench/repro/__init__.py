"""`dvc repro` that uses the machine: independent stages side by side.

DVC runs one stage after another, but several of its processes may work in one repository: while a
stage's command runs, the repository is not locked. What runs, and what comes out, is DVC's affair.
"""
