#!/bin/sh
# Makes an initramfs with Debian's static busybox for arm64 in it.
#
#   sh qemu/busybox.sh OUT.cpio [PROGRAM...]
#
# The package is fetched with apt-get into a folder that is deleted again: nothing is installed, and
# this computer's own list of packages stays as it is. PROGRAMs go to /bin, too. Where there is no
# Debian, or no network, one line says so.
set -eu

out=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "busybox: $1" >&2
    exit 1
}

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail "needs apt-get and dpkg-deb (a Debian, or something like it)"
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root/bin" "$work/root/etc"
apt() {
    apt-get -qq -o APT::Sandbox::User=root -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
        -o Dir::State::status=/dev/null -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" "$@"
}
(cd "$work" && apt update && apt download busybox-static) >"$work/log" 2>&1 ||
    fail "apt-get cannot fetch busybox-static:arm64: $(tail -n 1 "$work/log")"

dpkg-deb -x "$work"/busybox-static_*.deb "$work/package"
cp "$work/package/bin/busybox" "$@" "$work/root/bin/"
# Commands by their own names, for scripts that start with #!/bin/sh and the like. (Its shell knows all
# of busybox's without.)
for name in sh ash ls cat echo ps vi; do ln -s busybox "$work/root/bin/$name"; done
printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$work/root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$work/root/etc/group"
(cd "$work/root" && find . | LC_ALL=C sort | cpio --quiet -R 0:0 -o -H newc) >"$out.new"
mv "$out.new" "$out"
