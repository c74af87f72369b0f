#!/bin/sh
# Run once, by a new and empty server: the service `backup` may copy the whole cluster over TLS.
set -e
echo "hostssl replication postgres all scram-sha-256" >> "$PGDATA/pg_hba.conf"
