"""Pictures that are made once and committed.

In: the package and its slice of MNIST. Out: the pictures of the README and of
the site (`picture`).
"""
