#!/bin/sh
# Starts a collector whose home is new with each container. What all collectors of the fleet share is given:
# store and lake by their variables, the identity as a folder that is mounted at /identity.
set -eu
home=${PARETOFLEET_COLLECTOR_HOME:-/var/lib/paretofleet/collector}
given=${PARETOFLEET_IDENTITY:-/identity}
umask 077
mkdir -p "$home/identity"
if ! ls "$given"/authority-*.pem >/dev/null 2>&1; then
  echo "collector-start.sh: $given holds no authority-*.pem: mount the folder 'identity' of 'paretofleet collector init'" >&2
  exit 1
fi
cp "$given"/authority-*.pem "$given"/authority-*.key "$home/identity/"
exec paretofleet collector serve --home "$home" --verbose --log-format json
