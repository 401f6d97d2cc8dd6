#!/bin/sh
# A deployment counts only if the page is there and the gate is open.
set -eu
test -e "$PENSTOCK_INSTANCE_ROOT/run/open"
grep -q '<h1>' "$PENSTOCK_INSTANCE_ROOT/srv/millrace/index.html"
echo "the page is there"
