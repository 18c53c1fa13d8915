#!/bin/sh
# rustdoc that looks at the error codes of `compile_fail,E0382` examples. On stable it takes any
# error for the right one, a typo included. Only rustdoc gets the variable: with it in the
# environment, cargo would build half of the dependencies again.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
