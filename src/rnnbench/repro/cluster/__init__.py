"""Experiments on the nodes of a Ray cluster, and everything else on the machine of the driver.

The driver is the process in which `rnnbench repro --cluster` runs. One experiment is one Ray task:
its stages run one after another on the same node, in a clone of the repository there. Data and
outputs go through a DVC remote that the driver and all nodes reach, the exchange. The driver alone
writes `dvc.lock`, and only what DVC finds up to date in the driver's own repository.
"""
