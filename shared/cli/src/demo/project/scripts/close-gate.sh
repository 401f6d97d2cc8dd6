#!/bin/sh
# The instance takes no visitors while its files change.
set -eu
mkdir -p "$PENSTOCK_INSTANCE_ROOT/run"
rm -f "$PENSTOCK_INSTANCE_ROOT/run/open"
echo "the gate is closed"
