"""Cut the slice of MNIST; see `bookkit/assets/mnist_mini.py`."""

import sys

from bookkit.assets.mnist_mini import main

if __name__ == "__main__":
    sys.exit(main())
