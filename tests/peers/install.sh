#!/bin/sh
# Install the peers that tests, trials and bench hold Hilum against: DCMTK, GDCM, Orthanc with its
# DICOMweb plugin, dcmjs-dimse, dicomweb-client, oidc-provider, Chromium, and tools that watch and break things
# (strace, a C compiler). pynetdicom and the dicomweb-client of Python come with the dev lock.
# Never fails: what cannot be installed is said, and what needs it skips itself. Nothing to do: no wait.
set -u
cd "$(dirname "$0")" || exit 0

say() { echo "peers: $*"; }

# Programs we need, each with the Debian package that has it.
wanted() {
    cat <<'END'
storescu dcmtk
gdcmscu libgdcm-tools
Orthanc orthanc
strace strace
gcc gcc
prlimit util-linux
mkfs.ext4 e2fsprogs
chromium chromium
END
}

is_here() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

missing_packages() {
    wanted | while read -r program package; do
        is_here "$program" || echo "$package"
    done
    # A plugin is no program.
    [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || echo orthanc-dicomweb
    # gcc alone has no headers.
    [ -e /usr/include/stdio.h ] || echo libc6-dev
}

install_packages() {
    # RUNLEVEL=1 keeps Debian packages from starting their services (invoke-rc.d asks for it).
    # shellcheck disable=SC2086 # a list of words
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $1 >/dev/null 2>&1
}

debian_peers() {
    packages=$(missing_packages | sort -u | tr '\n' ' ')
    packages=${packages% }
    [ -n "$packages" ] || return 0
    if ! is_here apt-get; then
        say "skipped: $packages (no apt-get here; install them by hand to run their tests)"
    elif [ "$(id -u)" -ne 0 ]; then
        say "skipped: $packages (not root; run 'sudo sh tests/peers/install.sh' to run their tests)"
    elif install_packages "$packages"; then
        say "installed: $packages"
    # The package lists may be old or absent: fetch them only when the first attempt failed.
    elif apt-get update -q >/dev/null 2>&1 && install_packages "$packages"; then
        say "installed: $packages"
    else
        say "skipped: $packages (apt-get could not install them)"
    fi
}

node_peers() {
    if ! is_here node || ! is_here npm; then
        say "skipped: dcmjs-dimse, dicomweb-client, oidc-provider (no node or npm here)"
    elif [ -e node_modules/.installed ] && cmp -s package-lock.json node_modules/.installed; then
        return 0
    elif npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null 2>&1; then
        cp package-lock.json node_modules/.installed
        say "installed: dcmjs-dimse, dicomweb-client, oidc-provider"
    else
        say "skipped: dcmjs-dimse, dicomweb-client, oidc-provider (npm ci failed)"
    fi
}

debian_peers
node_peers
exit 0
