#!/bin/sh
# Runs a command as the container and the service do: as a plain user who may write to the folder
# DATA and to TMP alone, in a mount namespace of its own.
#   unshare --mount sh confined.sh DATA TMP HIDDEN COMMAND...
# HIDDEN is a folder that others may not enter, though Python lies in it; or empty.
set -eu
data=$1 tmp=$2 hidden=$3
shift 3
mount --make-rprivate /
if [ -n "$hidden" ]; then
    mkdir "$tmp/hold"
    mount --rbind "$hidden" "$tmp/hold"
    mount -t tmpfs -o mode=755 tmpfs "$hidden"
    for inside in "$tmp/hold"/* "$tmp/hold"/.[!.]*; do
        [ -d "$inside" ] || continue
        mkdir "$hidden/${inside##*/}"
        mount --rbind "$inside" "$hidden/${inside##*/}"
    done
fi
mount --bind "$data" "$data"
mount -t tmpfs -o mode=1777 tmpfs "$tmp"
mount -o remount,bind,ro /
if touch /written-by-root 2>/dev/null; then
    echo "the root can be written to" >&2
    exit 3
fi
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all "$@"
