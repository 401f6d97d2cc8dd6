#!/bin/sh
set -eu
echo "$DEPLOYMENT_ID" > "$PENSTOCK_INSTANCE_ROOT/run/open"
echo "the gate is open"
