"""Record what chapter 26 shows of CIFAR-10; see `bookkit/bench/photos.py`."""

import sys

from bookkit.bench.photos import main

if __name__ == "__main__":
    sys.exit(main())
