"""The limit of one thread holds for libraries that are loaded after it was first asked for."""

import subprocess
import sys

CODE = """
import numpy
from crossalign.cores import one_thread
with one_thread():
    pass
import scipy.linalg
from threadpoolctl import threadpool_info

def threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

before = threads()
with one_thread(), one_thread():
    within = threads()
print(len(before) > 0, set(within) == {1}, threads() == before)
"""


def test_a_library_that_comes_later_is_limited_too():
    told = subprocess.run([sys.executable, "-c", CODE], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.split()
    assert told == ["True"] * 3
