"""Record CIFAR-10 and networks that read it; `bookkit/bench/photos.py`."""

import sys

from bookkit.bench.photos import main

if __name__ == "__main__":
    sys.exit(main())
