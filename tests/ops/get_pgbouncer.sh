#!/bin/sh
# Unpack the PgBouncer of a later Debian, with its libraries, into a folder; install nothing.
# Debian 12 has 1.18, which keeps no prepared statements.
set -eu
folder=$1
release=trixie
packages='pgbouncer libc6 libaudit1 libcap-ng0 libcap2 libcares2 libevent-2.1-7t64 libpam0g
	libssl3t64 libsystemd0 libzstd1'

mkdir -p "$folder/lists/partial" "$folder/packages"
cd "$folder"
# From the mirror of this machine.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -1)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $release main" > sources.list
apt() {
	(cd packages && apt-get -qq -o Dir::Etc::sourcelist="$folder/sources.list" \
		-o Dir::Etc::sourceparts=- -o Dir::State::lists="$folder/lists" \
		-o Dir::Cache="$folder" -o APT::Sandbox::User=root "$@")
}
apt update
# shellcheck disable=SC2086
apt download $packages
for package in packages/*.deb; do dpkg -x "$package" .; done
cat > pgbouncer <<END
#!/bin/sh
libraries=$folder/usr/lib/x86_64-linux-gnu
exec "\$libraries/ld-linux-x86-64.so.2" --library-path "\$libraries" $folder/usr/sbin/pgbouncer "\$@"
END
chmod +x pgbouncer
./pgbouncer --version | head -1
