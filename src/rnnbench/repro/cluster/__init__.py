"""Running experiments on the nodes of a Ray cluster, and all other stages on the driver's machine.

The driver is the process in which `rnnbench repro --cluster` runs. One experiment is one Ray task:
its stages run one after another on the same node, in a clone of the repository there. Data and
outputs go through a DVC remote that the driver and all nodes reach, the exchange. Only the driver
writes `dvc.lock`, and only stages that DVC finds up to date in the driver's own repository.
"""
