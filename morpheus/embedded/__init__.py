"""The embedded PostgreSQL and Valkey, for machines that have none; needs no Django settings.

To run the services of a var folder, and a process that uses them:

    with EmbeddedServices(var):  # morpheus.embedded.supervisor
        subprocess.run(command, env={**os.environ, "MORPHEUS_VAR": str(var)}, check=True)

`supervisor` starts the services under a guard (`guard`), which replaces a server that ends and
stops all of them with their last user. `guard_client` puts any other servers under a guard,
`processes` runs single commands that end with this process.
"""
