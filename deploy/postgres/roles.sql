-- Run once, by a new and empty server, as its superuser: the four roles, and whose the database
-- is. What each may do in it is said by `manage.py migrate`, which the role owner runs.
-- The attributes are those of smartinvoicing/pg/roles.py; a test compares them and runs this.

\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
\getenv purge_password PURGE_PASSWORD

CREATE ROLE owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT
    PASSWORD :'owner_password';
CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT
    PASSWORD :'app_password';
CREATE ROLE purge LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT
    PASSWORD :'purge_password';

-- Nobody signs in as this one until a person gives it a password.
CREATE ROLE readonly LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT;

SELECT format('ALTER DATABASE %I OWNER TO owner', current_database()) \gexec
