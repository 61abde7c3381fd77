"""Pictures and data that are made once and committed.

In: the package and MNIST. Out: the pictures of the README and of the site
(`picture`), the slice of MNIST in the package (`mnist_mini`).
"""
