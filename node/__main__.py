"""`python -m node` is `stolpe`."""

from node.cli import main

main()
