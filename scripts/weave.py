"""Make pages of the chapters; see `bookkit/weave/book.py`."""

import sys

from bookkit.weave.book import main

if __name__ == "__main__":
    sys.exit(main())
