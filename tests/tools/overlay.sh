#!/bin/sh
# Run a command on a throw-away copy of a tree, at the tree's own path.
#
#     overlay.sh TREE COMMAND [ARGUMENT...]
#
# In a private mount namespace an overlay lies over TREE: what the command
# writes there is gone when it ends.  The command sees the untouched tree at
# $SOUND_TREE, and a directory to write to at $SCRATCH, which is gone, too.
# Needs root.  The exit code is the command's, or 125.
set -eu
if [ "${1:-}" != --inside ]; then
    [ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 125; }
    exec unshare --mount --propagation private -- "$0" --inside "$@"
fi
shift
tree=$(cd "$1" && pwd -P) || exit 125
shift
# Never on a disk: the upper layer must not be an overlay itself (containers),
# and a case should not wear out anything.
scratch=/mnt
mount -t tmpfs -o mode=0755 tmpfs "$scratch" || exit 125
mkdir "$scratch/sound" "$scratch/upper" "$scratch/work" "$scratch/scratch"
mount --bind "$tree" "$scratch/sound" || exit 125
mount -o remount,ro,bind "$scratch/sound" || exit 125
# redirect_dir: batou and pip rename directories, which fails without (EXDEV).
mount -t overlay overlay \
    -o "lowerdir=$scratch/sound,upperdir=$scratch/upper,workdir=$scratch/work,redirect_dir=on" \
    "$tree" || exit 125
export SOUND_TREE="$scratch/sound" SCRATCH="$scratch/scratch"
# A working directory below the tree would still be the one underneath.
cd "$tree"
exec "$@"
