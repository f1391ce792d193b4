"""A worker's program for tests: it answers, prints, fails or works on, as it is asked to."""

import os
import sys
import time

from rnnbench.errors import RnnbenchError, reports_errors
from rnnbench.timing.worker import questions


@reports_errors
def main() -> None:
    asked, answer = questions()
    for question in asked:
        print("what a library prints")
        if question == {"do": "refuse"}:
            raise RnnbenchError("the layers do not fit each other")
        if question == {"do": "break"}:
            raise ValueError("a fault of the program")
        if question == {"do": "work on"}:
            answer({"process": os.getpid()})
            time.sleep(600)
        answer({"way": sys.argv[-1], "asked": question})


main()
